import { randomUUID } from 'node:crypto';
import { Injectable, Module } from '@nestjs/common';
import { emailKey, type NewUser, Problem, UserStore, type UserRecord } from 'latchkey';

/** The host's own users. Here they live in a map; in your application, wherever you keep them. */
@Injectable()
export class People extends UserStore {
  readonly #people = new Map<string, UserRecord>();

  override async findById(id: string): Promise<UserRecord | null> {
    return this.#people.get(id) ?? null;
  }

  override async findByEmail(email: string): Promise<UserRecord | null> {
    return this.#first((person) => emailKey(person.email) === emailKey(email));
  }

  override async findByUsername(username: string): Promise<UserRecord | null> {
    return this.#first((person) => person.username === username);
  }

  override async create(user: NewUser): Promise<UserRecord> {
    if (await this.findByEmail(user.email)) throw new Problem('email_taken');
    if (user.username !== null && (await this.findByUsername(user.username))) {
      throw new Problem('username_taken');
    }
    const person = { ...user, id: randomUUID(), disabled: false, createdAt: new Date() };
    this.#people.set(person.id, person);
    return person;
  }

  override async replacePasswordHash(
    id: string,
    from: string | null,
    to: string,
  ): Promise<boolean> {
    const person = this.#people.get(id);
    if (person === undefined || person.passwordHash !== from) return false;
    this.#people.set(id, { ...person, passwordHash: to });
    return true;
  }

  #first(matches: (person: UserRecord) => boolean): UserRecord | null {
    return [...this.#people.values()].find(matches) ?? null;
  }
}

@Module({
  providers: [People, { provide: UserStore, useExisting: People }],
  exports: [UserStore],
})
export class PeopleModule {}

/*
 * Jest gives each test file modules of its own and drops them afterwards, SQLite's connections and statements
 * with them. From Node 24.19 on the process may abort when one is garbage-collected (nodejs/node#65446), so here
 * they are tied to something that stays as long as the worker does: a class of Node's own.
 */
import { EventEmitter } from 'node:events';
import Database from 'better-sqlite3';

const KEPT = Symbol.for('latchkey.test.statements');
const kept = (EventEmitter[KEPT] ??= []);

const { exec, prepare } = Database.prototype;
Database.prototype.exec = function (...args) {
  kept.push(this);
  return exec.apply(this, args);
};
Database.prototype.prepare = function (...args) {
  const statement = prepare.apply(this, args);
  kept.push(this, statement);
  return statement;
};

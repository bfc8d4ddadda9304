/** The two databases that Latchkey speaks. */
export type Dialect = 'sqlite' | 'postgres';

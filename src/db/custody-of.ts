import type { CustodyStatements } from './custody-statements.ts';
import type { Dialect } from './dialect.ts';
import { MariadbCustody } from './mariadb/custody.ts';
import type { OwnNames } from './own-names.ts';
import { PostgresCustody } from './postgres/custody.ts';

const makers: Readonly<Record<Dialect['name'], (names: OwnNames) => CustodyStatements>> = {
  postgres: (names) => new PostgresCustody(names),
  mariadb: (names) => new MariadbCustody(names),
};

export const custodyOf = ({ name }: Dialect, names: OwnNames): CustodyStatements => makers[name](names);

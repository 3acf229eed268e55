/** Whether a row has the values that an update expects of it; one of a list is enough. */
export function isAsExpected(row: object, expected: object): boolean {
  return Object.entries(expected).every(([column, value]: [string, unknown]) => {
    const found: unknown = Reflect.get(row, column);
    return Array.isArray(value) ? value.includes(found) : value === found;
  });
}

/** What a list that is read in pages is asked for: `after` is the id of the last row before the page. */
export interface Page {
  readonly limit: number;
  readonly after?: string;
}

/** All pages of a list that is in the order of its ids. The next one is asked for when the last has been dealt with. */
export async function* pages<Row extends { readonly id: string }>(
  limit: number,
  list: (page: Page) => Promise<readonly Row[]>,
): AsyncGenerator<readonly Row[]> {
  for (let after: string | undefined; ;) {
    const rows = await list({ limit, ...(after !== undefined && { after }) });
    yield rows;
    if (rows.length < limit) return;
    after = rows.at(-1)?.id;
  }
}

export async function everyRow<Row extends { readonly id: string }>(
  limit: number,
  list: (page: Page) => Promise<readonly Row[]>,
): Promise<readonly Row[]> {
  const all: Row[] = [];
  for await (const rows of pages(limit, list)) all.push(...rows);
  return all;
}

/** Half of the mean to one and a half of it, drawn evenly: nobody's looks stay in step with another's. */
export function around(meanMs: number): number {
  return meanMs * (0.5 + Math.random());
}

/** Up to a quarter shorter or longer, so that members which were started together do not go on together. */
export function jittered(ms: number): number {
  return ms * (0.75 + Math.random() / 2);
}

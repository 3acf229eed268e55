/** Up to a quarter shorter or longer, so that members which were started together do not go on together. */
export function jittered(ms: number): number {
  return ms * (0.75 + Math.random() / 2);
}

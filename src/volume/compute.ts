/** A server that has the volume `from` attached is to have `to` in its place, with the same data. */
export interface Swap {
  readonly serverId: string;
  readonly from: string;
  readonly to: string;
}

/** A server that is being rebuilt waits until its volume has its new image. */
export interface Reimaged {
  readonly serverId: string;
  readonly volumeId: string;
}

/** Nova, asked for what only the hypervisor of a server can do. */
export interface Compute {
  /**
   * Resolves when Nova has taken the request; it swaps later, and then tells the API. Asked twice it refuses, because
   * the new volume is reserved already.
   *
   * @throws OpenStackError: `failed` where Nova has refused, `unknown` where no answer came
   */
  swapVolume(swap: Swap, signal: AbortSignal): Promise<void>;

  /**
   * Resolves when Nova has taken the news. Told twice it does nothing the second time.
   *
   * @throws OpenStackError as above
   */
  volumeReimaged(done: Reimaged, signal: AbortSignal): Promise<void>;
}

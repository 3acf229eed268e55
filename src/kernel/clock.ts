/**
 * Time for leases and deadlines: milliseconds since some fixed instant of this boot, never set back, and going on
 * while the machine is suspended (CLOCK_BOOTTIME). Instants of different processes of one machine compare.
 */
export interface Clock {
  nowMs(): number;
}

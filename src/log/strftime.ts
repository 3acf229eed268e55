const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const months = ['January', 'February', 'March', 'April', 'May', 'June'].concat([
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]);

/** The directives of C's strftime that people use in log formats, in local time; any other stays as it stands. */
export function strftime(format: string, time: Date): string {
  return format.replace(/%([a-zA-Z%])/g, (whole, sign: string) => directive(sign, time) ?? whole);
}

function directive(sign: string, time: Date): string | undefined {
  switch (sign) {
    case 'Y':
      return String(time.getFullYear());
    case 'y':
      return two(time.getFullYear() % 100);
    case 'm':
      return two(time.getMonth() + 1);
    case 'd':
      return two(time.getDate());
    case 'H':
      return two(time.getHours());
    case 'M':
      return two(time.getMinutes());
    case 'S':
      return two(time.getSeconds());
    case 'F':
      return strftime('%Y-%m-%d', time);
    case 'T':
      return strftime('%H:%M:%S', time);
    case 'B':
      return months[time.getMonth()];
    case 'b':
      return months[time.getMonth()]?.slice(0, 3);
    case 'A':
      return days[time.getDay()];
    case 'a':
      return days[time.getDay()]?.slice(0, 3);
    case 'z':
      return offset(-time.getTimezoneOffset());
    case '%':
      return '%';
    default:
      return undefined;
  }
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

function offset(minutes: number): string {
  const abs = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(abs / 60))}${two(abs % 60)}`;
}

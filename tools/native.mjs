#!/usr/bin/env node
// Whether koffi works as npm has installed it: its binary comes in a package of this platform, so also where install
// scripts are switched off.
import koffi from 'koffi';

const getpid = koffi.load(null).func('int getpid(void)');
if (getpid() !== process.pid) throw new Error('koffi calls the wrong function');
console.log(`koffi ${koffi.version} calls the C library`);

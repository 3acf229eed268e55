#!/bin/busybox sh
# The guest's init: what a program needs to run, the network of qemu's user mode, and the agent. GUEST_NAME and
# AGENT come from the kernel's command line.
/bin/busybox mkdir -p /proc /sys /dev /tmp /run /bin /sbin /usr/bin /usr/sbin
/bin/busybox --install -s 2>/dev/null
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
# As udev does it: passphrases are read there.
ln -s /proc/self/fd /dev/fd
while read -r module; do insmod "$module"; done </modules.order
# By its name a server tells its clients apart.
hostname "$GUEST_NAME"
ip link set lo up
ip link set eth0 up
ip address add 10.0.2.15/24 dev eth0
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
exec $AGENT

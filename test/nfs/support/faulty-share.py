"""A folder seen through FUSE, where calls fail as they are told to.

    faulty-share.py FOLDER MOUNT-POINT

Each line of standard input is a JSON list of faults that replaces those before, and is answered by a line:

    {"op": "rename", "ending": ".info", "errno": "EIO", "done": false, "times": 1}

`op` is FUSE's name of a call, or "change" for all that change something. `ending` is how the path, or the other path of
a link or rename, ends. `done`: the call is carried out, and fails all the same. Without `times` it fails for ever. Each
call that was made to fail is told on standard output, as "failed OP PATH".
"""

import errno
import json
import os
import sys
import threading

from fusepy import FUSE, FuseOSError, Operations

CHANGES = {"chmod", "chown", "create", "fsync", "fsyncdir", "link", "mkdir", "rename", "truncate", "unlink", "write"}


class FaultyShare(Operations):
    use_ns = True

    def __init__(self, folder):
        self.folder = folder
        self.faults = []

    def __call__(self, op, path, *args):
        fault = self._fault(op, [path, *args])
        if fault is not None and not fault["done"]:
            raise FuseOSError(getattr(errno, fault["errno"]))
        result = super().__call__(op, self.folder + path, *args)
        if fault is not None:
            raise FuseOSError(getattr(errno, fault["errno"]))
        return result

    def _fault(self, op, args):
        writes = op in CHANGES or (op == "open" and args[1] & (os.O_WRONLY | os.O_RDWR))
        paths = [arg for arg in args if isinstance(arg, str)]
        for fault in self.faults:
            named = any(path.endswith(fault.get("ending", "")) for path in paths)
            if not named or not (fault["op"] == op or (fault["op"] == "change" and writes)):
                continue
            if fault.get("times") == 0:
                continue
            if "times" in fault:
                fault["times"] -= 1
            print("failed", op, args[0], flush=True)
            return fault
        return None

    def getattr(self, path, fh=None):
        found = os.lstat(path)
        names = ("ino", "mode", "nlink", "uid", "gid", "size", "blocks")
        times = {f"st_{name}": getattr(found, f"st_{name}_ns") for name in ("atime", "mtime", "ctime")}
        return {**{f"st_{name}": getattr(found, f"st_{name}") for name in names}, **times}

    def access(self, path, mode):
        if not os.access(path, mode):
            raise FuseOSError(errno.EACCES)

    chmod = staticmethod(os.chmod)
    chown = staticmethod(os.chown)
    mkdir = staticmethod(os.mkdir)
    open = staticmethod(os.open)
    unlink = staticmethod(os.unlink)

    def readdir(self, path, fh):
        return [".", "..", *os.listdir(path)]

    def statfs(self, path):
        found = os.statvfs(path)
        names = ("bavail", "bfree", "blocks", "bsize", "favail", "ffree", "files", "flag", "frsize", "namemax")
        return {f"f_{name}": getattr(found, f"f_{name}") for name in names}

    def create(self, path, mode, fi=None):
        return os.open(path, os.O_RDWR | os.O_CREAT, mode)

    def link(self, target, source):
        os.link(self.folder + source, target)

    def rename(self, old, new):
        os.rename(old, self.folder + new)

    def read(self, path, size, offset, fh):
        return os.pread(fh, size, offset)

    def write(self, path, data, offset, fh):
        return os.pwrite(fh, data, offset)

    def truncate(self, path, length, fh=None):
        os.truncate(path, length)

    def flush(self, path, fh):
        return 0

    def release(self, path, fh):
        os.close(fh)

    def fsync(self, path, datasync, fh):
        os.fsync(fh)

    def fsyncdir(self, path, datasync, fh):
        return 0


def listen(share):
    for line in sys.stdin:
        share.faults = json.loads(line)
        print("told", flush=True)


if __name__ == "__main__":
    given, mount_point = sys.argv[1:]
    served = FaultyShare(given)
    threading.Thread(target=listen, args=(served,), daemon=True).start()
    # Nothing is cached in the kernel: each look comes here. Inode numbers are the folder's, as an NFS server's would be.
    FUSE(served, mount_point, foreground=True, use_ino=True, attr_timeout=0, entry_timeout=0, allow_other=True)

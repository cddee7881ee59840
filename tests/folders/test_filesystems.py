"""Which file system a folder lies on, by lines of `/proc/self/mountinfo` as such mounts have them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from regbench.folders import filesystems
from regbench.folders.filesystems import FileSystem, Reach, file_system_at, file_system_of

ROOT = "22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw,errors=remount-ro\n"
V3 = "rw,vers=3,rsize=1048576,wsize=1048576,namlen=255,hard,proto=tcp,timeo=600,retrans=2,sec=sys"
V4 = "rw,vers=4.2,rsize=1048576,wsize=1048576,namlen=255,hard,proto=tcp,timeo=600,retrans=2,sec=sys"
FUSE = "rw,user_id=1000,group_id=1000"
SMB = "rw,vers=3.1.1,cache=strict,username=me,uid=0,forceuid,gid=0,forcegid,addr=10.0.0.4,soft,nounix"
LINES = [  # type, source, options of the super block; reach
    ("ext4", "/dev/sda1", "rw", Reach.ALL),
    ("xfs", "/dev/mapper/data", "rw,attr2,inode64,logbufs=8,noquota", Reach.ALL),
    ("btrfs", "/dev/sdb", "rw,space_cache=v2,subvolid=256,subvol=/@home", Reach.ALL),
    ("zfs", "tank/home", "rw,xattr,noacl", Reach.ALL),
    ("tmpfs", "tmpfs", "rw,size=24684096k", Reach.ALL),
    ("overlay", "overlay", "rw,lowerdir=/l,upperdir=/u,workdir=/w", Reach.ALL),
    ("fuseblk", "/dev/sdc1", "rw,user_id=0,group_id=0,allow_other,blksize=4096", Reach.ALL),
    ("fuse.fuse-overlayfs", "fuse-overlayfs", FUSE, Reach.ALL),
    (
        "nfs",
        "nas:/export/home",
        f"{V3},mountaddr=10.0.0.2,mountvers=3,local_lock=none,addr=10.0.0.2",
        Reach.ALL,
    ),
    ("nfs", "nas:/export", f"{V3},nolock,mountaddr=10.0.0.2,local_lock=all,addr=10.0.0.2", Reach.ONE),
    ("nfs", "nas:/export", f"{V3},local_lock=flock,addr=10.0.0.2", Reach.ONE),
    ("nfs", "nas:/export", f"{V3},local_lock=posix,addr=10.0.0.2", Reach.ALL),  # flock goes to the server
    ("nfs4", "nas:/", f"{V4},clientaddr=10.0.0.9,local_lock=none,addr=10.0.0.2", Reach.ALL),
    ("lustre", "10.0.0.1@tcp:/scratch", "rw,flock,user_xattr,lazystatfs,encrypt", Reach.ALL),
    ("lustre", "10.0.0.1@o2ib:10.0.0.2@o2ib:/scratch", "rw,localflock,lazystatfs", Reach.ONE),
    ("lustre", "10.0.0.1@o2ib:/scratch", "rw,checksum,nouser_xattr,lruresize,lazystatfs", Reach.ONE),
    ("cifs", "//server/share", f"{SMB},serverino,mapposix,rsize=4194304", Reach.UNKNOWN),
    ("cifs", "//server/share", f"{SMB},nobrl", Reach.ONE),
    ("smb3", "//server/share", SMB, Reach.UNKNOWN),
    ("ceph", "10.0.0.1:6789:/volumes/a", "rw,name=me,secret=<hidden>,acl", Reach.ALL),
    ("fuse.ceph-fuse", "ceph-fuse", f"{FUSE},allow_other", Reach.ALL),
    ("gfs2", "/dev/mapper/clustered", "rw,localflocks", Reach.ONE),
    ("ocfs2", "/dev/sdd", "rw,_netdev,heartbeat=local,nointr", Reach.ALL),
    ("gpfs", "gpfs0", "rw,relatime", Reach.UNKNOWN),
    ("beegfs", "beegfs_nodev", "rw,cfgFile=/etc/beegfs/beegfs-client.conf", Reach.UNKNOWN),
    ("9p", "hostshare", "rw,sync,dirsync,access=client,trans=virtio", Reach.UNKNOWN),
    ("9p", "C:\\134", "rw,aname=drvfs;path=C:\\134;uid=1000,mmap,access=client", Reach.UNKNOWN),
    ("virtiofs", "myfs", "rw", Reach.UNKNOWN),
    ("fuse.sshfs", "me@login:/home/me", f"{FUSE},allow_other", Reach.ONE),
    ("fuse.glusterfs", "gluster1:/vol0", "rw,user_id=0,group_id=0,default_permissions", Reach.UNKNOWN),
    ("fuse.s3fs", "s3fs", f"{FUSE},allow_other", Reach.NOBODY),
    ("fuse.gcsfuse", "my-bucket", FUSE, Reach.NOBODY),
    ("fuse", "/srv/data", f"{FUSE},default_permissions,allow_other", Reach.UNKNOWN),
    ("fuse.newfs", "newfs", FUSE, Reach.UNKNOWN),
    ("newfs", "server:/data", "rw", Reach.UNKNOWN),
    ("newfs", "//server/data", "rw", Reach.UNKNOWN),
    ("newfs", "/dev/disk/by-path/pci-0000:00:1f.2-ata-1", "rw", Reach.ALL),
]


@pytest.mark.parametrize(("kind", "source", "options", "reach"), LINES)
def test_type_and_options_of_a_mount_say_whom_its_locks_reach(
    kind: str, source: str, options: str, reach: Reach
) -> None:
    line = f"310 22 0:55 / /shared rw,nosuid,nodev,relatime shared:160 - {kind} {source} {options}\n"
    found = file_system_at(ROOT + line, "/shared/me/outputs")
    assert (found.kind, found.reach) == (kind, reach)
    assert file_system_at(ROOT + line, "/sharedness").kind == "ext4"
    assert file_system_at(ROOT + line, "/shared").kind == kind


def test_what_is_to_be_done_names_the_option() -> None:
    line = f"310 22 0:55 / /n rw - nfs nas:/e {V3},nolock,local_lock=all\n"
    assert file_system_at(line, "/n") == FileSystem("nfs", Reach.ONE, "nolock", "mount it without nolock")
    line = "310 22 0:55 / /n rw - lustre a@tcp:/s rw,lazystatfs\n"
    assert file_system_at(line, "/n").remedy == "mount it with flock"


def test_the_innermost_mount_counts_and_of_two_on_one_place_the_later() -> None:
    outer = "310 22 0:55 / /home rw,relatime - autofs systemd-1 rw,fd=48,pgrp=1,direct\n"
    later = f"311 310 0:56 / /home rw,relatime - nfs4 nas:/home {V4},local_lock=none\n"
    inner = f"312 311 0:57 / /home/me/my\\040data rw - nfs nas:/data {V3},nolock,local_lock=all\n"
    for text in (ROOT + outer + later + inner, ROOT + inner + outer + later):
        assert file_system_at(text, "/home/me").kind == "nfs4"
        assert file_system_at(text, "/home/me/my data/outputs").kind == "nfs"
    assert file_system_at(ROOT + outer, "/home/me").reach is Reach.ALL


@pytest.mark.parametrize("text", ["", "nonsense", "1 2 3\n - \n", "310 22 0:55 / /home rw - nfs4\n"])
def test_lines_that_are_none_of_a_mount_are_passed_over(text: str) -> None:
    assert file_system_at(text, "/home") == FileSystem("", Reach.ALL)


def test_a_folder_is_looked_up_where_it_really_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts, real = tmp_path / "mounts", Path(os.path.realpath(tmp_path)) / "real"
    real.mkdir()
    mounts.write_text(f"{ROOT}310 22 0:55 / {real} rw - fuse.sshfs me@h:/d rw\n")
    (tmp_path / "link").symlink_to(real)
    monkeypatch.setattr(filesystems, "MOUNTS", mounts)
    assert file_system_of(tmp_path / "link" / "not there yet").kind == "fuse.sshfs"
    assert file_system_of(tmp_path).kind == "ext4"
    monkeypatch.setattr(filesystems, "MOUNTS", tmp_path / "none")  # as on other systems than Linux
    assert file_system_of(real).reach is Reach.ALL

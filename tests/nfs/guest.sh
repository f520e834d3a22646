#!/bin/bash
# The first process of a user-mode kernel, whose root is that of the machine: it makes a server of NFS and two clients,
# each with a network and a host name of its own, so that the kernel keeps them apart, and has `work/run` run there.
# $1: the folder for all of it. $2: of the packages. $3: version of NFS. $4: options of the mounts.
work=$1 packages=$2 version=$3 options=$4
exec >"$work/log" 2>&1
export PATH=$packages/bin:$packages/sbin:$packages/usr/sbin:/usr/sbin:/usr/bin:/sbin:/bin
libraries=$packages/usr/lib/x86_64-linux-gnu:$packages/lib/x86_64-linux-gnu
with() { LD_LIBRARY_PATH=$libraries "$@"; }

mount -t proc proc /proc
mount -t sysfs sys /sys
for folder in /run /var/lib; do mount -t tmpfs tmpfs $folder; done
mkdir -p /var/lib/nfs/{rpc_pipefs,sm,sm.bak,v4recovery}
touch /var/lib/nfs/{etab,rmtab}
ip link set lo up
for module in ext4 nfsd nfsv3 nfsv4 veth; do with modprobe -d "$packages/usr" $module; done
mount -t ext4 /dev/ubda "$work/export"

mount -t nfsd nfsd /proc/fs/nfsd
echo 10 >/proc/fs/nfsd/nfsv4leasetime
mkdir -p /run/rpcbind
{ cat /etc/passwd && echo "_rpc:x:111:65534::/run/rpcbind:/usr/sbin/nologin"; } >/run/passwd
mount --bind /run/passwd /etc/passwd
with rpcbind # waits until it answers
with exportfs -o rw,no_root_squash,no_subtree_check,insecure,fsid=0 "*:$work/export"
with rpc.mountd --port 20048
with rpc.nfsd 4
echo Y >/proc/fs/nfsd/v4_end_grace

place=/
[ "$version" = 3 ] && place=$work/export options=$options,nolock,mountport=20048,mountproto=tcp
number=1
for client in a b; do
    server=10.0.$number.1 address=10.0.$number.2
    unshare --net --uts --mount sleep 100000 &
    process=$!
    until [ "$(readlink /proc/$process/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do :; done
    ip link add name of-$client type veth peer name to-$client
    ip link set to-$client netns $process
    ip addr add $server/24 dev of-$client
    ip link set of-$client up
    nsenter -t $process --net ip addr add $address/24 dev to-$client
    nsenter -t $process --net ip link set to-$client up
    nsenter -t $process --uts hostname client-$client
    nsenter -t $process --net --uts --mount \
        mount -i -t nfs -o "vers=$version,$options,addr=$server,clientaddr=$address" "$server:$place" "$work/$client" || exit
    echo $process >"$work/process-$client"
    number=$((number + 1))
done
bash "$work/run" >"$work/said" 2>&1
echo $? >"$work/code"
sync
echo o >/proc/sysrq-trigger
sleep 60

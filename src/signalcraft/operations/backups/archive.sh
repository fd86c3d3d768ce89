#!/bin/sh
# PostgreSQL's archive_command: keeps a file of the write-ahead log until it is shipped to the backups.
#   archive.sh PATH NAME SPOOL LIMIT_KIB
# It copies on this disk and nothing else, so that PostgreSQL never waits for a network. When nobody ships,
# the limit holds: the file is given up, which `gap` says, and only a new backup makes a new beginning.
# Failing instead would keep the files in pg_wal until the disk is full and the database stands still.
set -eu
path=$1 name=$2 spool=$3 limit=$4
if [ -f "$spool/$name" ]; then
    exec cmp -s "$path" "$spool/$name"
fi
used=$(du -sk "$spool" | cut -f1)
if [ "$used" -ge "$limit" ]; then
    echo "$name" >>"$spool/gap"
    exit 0
fi
cp --sparse=always "$path" "$spool/.$name"
sync "$spool/.$name"
mv "$spool/.$name" "$spool/$name"

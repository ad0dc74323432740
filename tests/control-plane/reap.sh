#!/bin/sh
# Cleans up after a test run: reap.sh FOLDER
#
# Reads process ids from standard input, one per line; "-PID" removes one. When the input ends, because the process that
# writes it has ended, kills every process and removes FOLDER.
trap '' INT TERM HUP
folder=$1
pids=' '
while read -r line; do
  pid=${line#-}
  case $line in
    -*) case $pids in *" $pid "*) pids="${pids%%" $pid "*} ${pids#*" $pid "}" ;; esac ;;
    *) pids="$pids$pid " ;;
  esac
done
# shellcheck disable=SC2086 # a list of numbers
case $pids in *[0-9]*) kill -KILL $pids 2>/dev/null ;; esac
# A process that is being killed may still write files.
for _ in 1 2 3 4 5; do
  rm -rf "$folder" 2>/dev/null
  [ -e "$folder" ] || exit 0
  sleep 1
done

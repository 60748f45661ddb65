#!/bin/sh
# Packs what the example jobs work on (jobs/data) into one archive, and keeps the newest few: an example of a command job.
# Params come as JSON on stdin, or here from the environment; lines that begin with "::" are words to jobrun, all others
# are the log. Options stand in backup.json beside it.
#
#   jobrun schedule backup -p keep:=3 --follow
set -eu

keep=$(printf '%s' "${JOBRUN_PARAMS:-}" | sed -n 's/.*"keep": *\([0-9][0-9]*\).*/\1/p')
keep=${keep:-5}
folder=jobs/data/backups
name="data-$(date -u +%Y%m%dT%H%M%SZ)-${JOBRUN_ID:-0}.tar.gz"

mkdir -p "$folder"
echo "::progress 10 packing"
# Under another name until it is whole: whoever looks into the folder never finds half an archive.
tar -czf "$folder/.$name.part" --exclude=backups -C jobs data
mv "$folder/.$name.part" "$folder/$name"
echo "packed $folder/$name"

echo "::progress 80 clearing"
removed=0
for old in $(ls -1t "$folder" | grep '^data-.*\.tar\.gz$' | tail -n +"$((keep + 1))"); do
  rm -- "$folder/$old"
  removed=$((removed + 1))
done

bytes=$(wc -c <"$folder/$name" | tr -d ' ')
echo "::output {\"file\":\"$folder/$name\",\"bytes\":$bytes,\"removed\":$removed}"

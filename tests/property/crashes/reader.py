"""A program that reads a published file over and over until it is told to stop, or versions differ.

It tells the different rows that it saw.
"""

from __future__ import annotations

import json
import sys
import threading

import duckdb

path, query, how = sys.argv[1:]
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), stop.set()), daemon=True).start()
rows, errors, reads = set(), [], 0
held = duckdb.connect(path, read_only=True, config={"threads": 1}) if how == "held" else None
print("ready", flush=True)
while not stop.is_set():
    reader = held or duckdb.connect(path, read_only=True, config={"threads": 1})
    try:
        row = reader.execute(query).fetchall()[0]
    except duckdb.Error as error:
        errors.append(str(error))
        break
    reads += 1
    rows.add(row)
    if len(set(row[:-2])) > 1:
        break
    if held is None:
        reader.close()
print(json.dumps({"rows": sorted(rows), "errors": errors, "reads": reads}))

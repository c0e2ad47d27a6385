#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# wg_rekey.sh - wg_interop.sh with the rekey after 120 s in it
[ -n "${SLOW:-}" ] || { echo "skip: takes 130 s: set SLOW=1"; exit 77; }
REKEY=1 exec bash "$(dirname "$0")/wg_interop.sh"

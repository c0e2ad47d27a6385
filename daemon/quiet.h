/* SPDX-License-Identifier: MIT
 *
 * quiet.h - memory is given back when nothing moves
 *
 * Theory: a TLS handshake, a bulk transfer or a flood of notes touch memory that a node
 * at rest has no use for: buffers of packets, code, freed heap. Some time after the last
 * traffic all of it goes back to the kernel, at most once in ten minutes, for it costs a
 * millisecond of page faults.
 */
#pragma once

#include "daemon/node.h"

must_check int quiet_start(struct node *n); /* 0 or -ENOMEM */
void quiet_stop(struct node *n);

/* quiet_soon() - no peer is watched any more, or the node has come up */
void quiet_soon(struct node *n, nsec_t now);

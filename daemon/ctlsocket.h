/* SPDX-License-Identifier: MIT
 *
 * ctlsocket.h - the control socket's server side; the protocol is ctl.h's
 */
#pragma once

#include <stdbool.h>

#include "daemon/node.h"

struct json_t;

/* ctl_open() - listen on conf.socket; why: one sentence on failure */
must_check int ctl_open(struct node *n, char why[static 512]);
void ctl_close(struct node *n); /* removes the socket; takes a node without one */

/* ctl_answer() - the final line to a client by number; result is taken over. A client
 * that has gone is no error. */
void ctl_answer(struct node *n, unsigned client, struct json_t *result);
void ctl_refuse(struct node *n, unsigned client, const char *why);
/* ctl_refuse_as() - with a code that adit turns into an exit status of its own (ctl.h) */
void ctl_refuse_as(struct node *n, unsigned client, const char *code, const char *why);
void ctl_event(struct node *n, unsigned client, struct json_t *event);

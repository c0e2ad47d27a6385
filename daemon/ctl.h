/* SPDX-License-Identifier: MIT
 *
 * ctl.h - the control socket: how adit asks aditd
 *
 * A unix stream socket, 0660; the peer's uid is checked (SO_PEERCRED): root and the
 * daemon's own user may do everything, others may read status and version.
 *
 * One JSON object on one line asks; lines of one JSON object each answer:
 *
 *   {"cmd":"status"}                        -> {"ok":true,"result":{...}}
 *   {"cmd":"join","invite":"adit1:...","hostname":"a"|null,"wait":bool}
 *                                           -> {"ok":true,"result":{"name","addresses"}}
 *   {"cmd":"up"} {"cmd":"down"} {"cmd":"leave"}        -> {"ok":true,"result":{}}
 *   {"cmd":"ping","peer":"NAME|ADDRESS|KEY","count":n,"until_direct":bool}
 *        -> {"event":{"seq":1,"rtt_ms":1.2,"path":{...}}} per reply (rtt_ms null: lost),
 *           then {"ok":true,"result":{"peer","replies":[..],"sent":n,"lost":n}}
 *   {"cmd":"set","key":"hostname","value":"a"}         -> {"ok":true,"result":{}}
 *   {"cmd":"why","peer":..} {"cmd":"netcheck"} {"cmd":"version"}
 *   anything refused                        -> {"ok":false,"error":"one sentence"}
 *                                              with "code":"needs-join" when the node
 *                                              is not a member of a network yet,
 *                                              "not-permitted" when the asker may not
 *
 * result is what --json prints (adit(1)), with "version":1. A path object may carry
 * "reason", one clause on why it is this path and not a better one. The server ends a
 * ping when the asker closes, or with until_direct at the first direct reply. adit-coord's
 * admin socket speaks the same form: {"cmd":"invite","reusable":b,"expires_s":n,
 * "tags":[..],"name":s|null} -> result {"invite":"adit1:..."}; {"cmd":"nodes"};
 * {"cmd":"remove","node":s}; {"cmd":"expire","node":s}; {"cmd":"status"}.
 */
#pragma once

enum {
	CTL_LINE_MAX = 64 * 1024, /* octets of a request; answers may be longer */
};

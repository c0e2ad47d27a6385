/* SPDX-License-Identifier: MIT
 *
 * portmap_write.c - what the router is asked, and names for it all
 */
#include "traversal/portmap_inside.h"

#include "traversal/natpmp.h"

const char *portmap_dialect_name(enum portmap_dialect d)
{
	switch (d) {
	case PORTMAP_PCP:
		return "PCP";
	case PORTMAP_NATPMP:
		return "NAT-PMP";
	case PORTMAP_UPNP:
		return "UPnP";
	case PORTMAP_DIALECTS:
		break;
	}
	return "none";
}

const char *portmap_state_text(enum portmap_state s)
{
	switch (s) {
	case PORTMAP_OFF:
		return "not asked";
	case PORTMAP_ASKING:
		return "being asked";
	case PORTMAP_SILENT:
		return "no answer";
	case PORTMAP_THERE:
		return "answers";
	case PORTMAP_REFUSED:
		return "refuses a mapping";
	case PORTMAP_BAD_ADDRESS:
		return "its external address is not the one that the world sees";
	case PORTMAP_BAD_PORT:
		return "gives a port below 1024";
	case PORTMAP_CLOSED:
		return "mapped, but nothing from outside arrives";
	case PORTMAP_MADE:
		return "mapped, not yet proved from outside";
	case PORTMAP_OPEN:
		return "mapped and proved from outside";
	}
	return "";
}

static struct portmap_job job_of(const struct portmap *pm, enum portmap_job_kind kind,
				 uint16_t external_port)
{
	return (struct portmap_job){ .kind = kind,
				     .gateway = pm->where.gateway,
				     .local = pm->where.local,
				     .internal_port = pm->where.port,
				     .external_port = external_port,
				     .lifetime_s = PORTMAP_LIFETIME_S };
}

uint16_t portmap_wish(const struct portmap *pm)
{
	return pm->external.port ? pm->external.port : pm->where.port;
}

static void write_pcp(const struct portmap *pm, enum pcp_opcode op, uint32_t lifetime_s,
		      struct portmap_action *out)
{
	struct pcp_request q = { .opcode = op,
				 .lifetime_s = lifetime_s,
				 .client = pm->where.local };
	bool v6 = !ipaddr_is_v4(&pm->where.local);

	q.map.nonce = pm->nonce;
	q.map.protocol = PCP_UDP;
	q.map.internal_port = pm->where.port;
	if (lifetime_s) {
		q.map.external = pm->external;
		q.map.external.port = portmap_wish(pm);
		if (v6) /* a pinhole: nothing changes */
			q.map.external.ip = pm->where.local;
		q.translator = v6;
	}
	out->n = pcp_write(&q, out->message);
}

static void write_natpmp(const struct portmap *pm, enum natpmp_opcode op,
			 uint32_t lifetime_s, struct portmap_action *out)
{
	struct natpmp_request q = { .opcode = op,
				    .internal_port = pm->where.port,
				    .external_port = lifetime_s ? portmap_wish(pm) : 0,
				    .lifetime_s = lifetime_s };

	out->n = natpmp_write(&q, out->message);
}

static void to_router(const struct portmap *pm, struct portmap_action *out)
{
	out->kind = PORTMAP_TELL_ROUTER;
	out->to = (struct endpoint){ .ip = pm->where.gateway, .port = PCP_PORT };
}

void portmap_write_probe(const struct portmap *pm, int by, struct portmap_action *out)
{
	to_router(pm, out);
	if (by == PORTMAP_PCP) {
		write_pcp(pm, PCP_ANNOUNCE, 0, out);
	} else if (by == PORTMAP_NATPMP) {
		write_natpmp(pm, NATPMP_ADDRESS, 0, out);
	} else {
		out->kind = PORTMAP_RUN_UPNP;
		out->job = job_of(pm, PORTMAP_FIND, 0);
	}
}

void portmap_write_request(const struct portmap *pm, int by, uint32_t lifetime_s,
			  uint16_t port, struct portmap_action *out)
{
	to_router(pm, out);
	if (by == PORTMAP_PCP) {
		write_pcp(pm, PCP_MAP, lifetime_s, out);
	} else if (by == PORTMAP_NATPMP) {
		write_natpmp(pm, NATPMP_MAP_UDP, lifetime_s, out);
	} else {
		out->kind = PORTMAP_RUN_UPNP;
		out->job = job_of(pm, lifetime_s ? PORTMAP_MAP : PORTMAP_UNMAP,
				  port);
	}
}


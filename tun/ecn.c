/* SPDX-License-Identifier: MIT
 *
 * ecn.c - congestion marks of the underlay carried into inner packets
 */
#include "tun/ecn.h"

#include "base/wire.h"
#include "tun/segment.h"

static uint8_t get(const uint8_t *p)
{
	return (p[0] >> 4 == 4 ? p[1] : p[1] >> 4) & ECN_MASK;
}

/* set4() - and mend the checksum: RFC 1624 s3, [Eqn. 3] */
static void set4(struct segment_ip4 *h, enum ecn mark)
{
	uint8_t tos = (uint8_t)((h->tos & ~ECN_MASK) | mark);
	uint32_t sum = (uint16_t)~(h->checksum[0] << 8 | h->checksum[1]);

	sum += (uint16_t)~(h->version_length << 8 | h->tos);
	sum += (uint32_t)(h->version_length << 8 | tos);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	h->checksum[0] = (uint8_t)(~sum >> 8);
	h->checksum[1] = (uint8_t)~sum;
	h->tos = tos;
}

static void set(uint8_t *p, enum ecn mark)
{
	if (p[0] >> 4 == 4)
		set4((struct segment_ip4 *)p, mark);
	else
		p[1] = (uint8_t)((p[1] & ~(ECN_MASK << 4)) | mark << 4);
}

/* RFC 6040 s4.2, figure 4 */
bool ecn_decapsulate(uint8_t *p, uint8_t outer)
{
	switch ((enum ecn)(outer & ECN_MASK)) {
	case ECN_NOT_ECT:
	case ECN_ECT0:
		return true;
	case ECN_ECT1:
		if (get(p) == ECN_ECT0)
			set(p, ECN_ECT1);
		return true;
	case ECN_CE:
		if (get(p) == ECN_NOT_ECT)
			return false;
		set(p, ECN_CE);
	}
	return true;
}

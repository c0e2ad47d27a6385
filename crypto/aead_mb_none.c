/* SPDX-License-Identifier: MIT
 *
 * aead_mb_none.c - in place of aead_mb.c where libipsec-mb is not built in
 */
#include "crypto/aead_impl.h"

const struct aead_impl *aead_mb(unsigned i)
{
	return NULL;
}

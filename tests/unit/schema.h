/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The grammar of requests in a domain's metadata, as it is installed. */
#pragma once

#include "domain-xml.h"

typedef enum {
  SCHEMA_ALLOWED,
  SCHEMA_REFUSED,
  SCHEMA_NO_REQUEST, /* there is nothing of ours in the domain */
} SchemaVerdict;

/* What the grammar says of the first request in @xml's metadata. */
SchemaVerdict schema_verdict (const DomainXml *xml);

/* SPDX-License-Identifier: MIT */
#include "dns.h"

#include <stdlib.h>

#include "hub.h"
#include "loop.h"

struct crun__lookup {
    uv_getaddrinfo_t request; /* first */
    crun__lookup_done *done;  /* NULL: cancelled */
    void *arg;
};

static void on_result(uv_getaddrinfo_t *request, int code, struct addrinfo *list)
{
    crun__lookup *lookup = (crun__lookup *)request;
    if (lookup->done)
        lookup->done(lookup->arg, code, list);
    else
        uv_freeaddrinfo(list);
    free(lookup);
}

int crun__lookup_start(crun__lookup **out, crun_hub *hub, const char *host, crun__lookup_done *done,
                       void *arg)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    crun__lookup *lookup = malloc(sizeof *lookup);
    if (!lookup)
        return CRUN_ENOMEM;
    lookup->done = done;
    lookup->arg = arg;
    int rc = uv_getaddrinfo(&hub->loop->uv, &lookup->request, on_result, host, NULL, &hints);
    if (rc < 0) {
        free(lookup);
        return rc;
    }
    *out = lookup;
    return 0;
}

void crun__lookup_cancel(crun__lookup *lookup)
{
    lookup->done = NULL;
    uv_cancel((uv_req_t *)&lookup->request);
}

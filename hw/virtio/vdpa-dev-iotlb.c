/*
 * vhost-vdpa-device: the backend's IOTLB
 *
 * Makes what is mapped equal to what is wanted, touching nothing else, and
 * finds out whether the backend really did it.  What is wanted is decided in
 * vdpa-dev-memory.c.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <linux/vhost.h>
#include <sys/resource.h>
#include "exec/cpu-common.h"
#include "hw/virtio/vdpa-dev-internal.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/units.h"
#include "trace.h"

static bool vdpa_dev_same_piece(const VdpaDevPiece *a, const VdpaDevPiece *b)
{
    return a->iova == b->iova && a->last == b->last && a->host == b->host;
}

static void vdpa_dev_piece_clear(gpointer opaque)
{
    memory_region_unref(((VdpaDevPiece *)opaque)->mr);
}

GArray *vdpa_dev_pieces_new(void)
{
    GArray *pieces = g_array_new(false, false, sizeof(VdpaDevPiece));

    g_array_set_clear_func(pieces, vdpa_dev_piece_clear);
    return pieces;
}

void vdpa_dev_pieces_add(GArray *pieces, const VdpaDevPiece *piece)
{
    memory_region_ref(piece->mr);
    g_array_append_vals(pieces, piece, 1);
}

/* One IOTLB message: struct vhost_msg_v2 of linux/vhost_types.h */
static int vdpa_dev_iotlb_send(VhostVdpaDevice *v, uint8_t type,
                          const VdpaDevPiece *piece)
{
    struct vhost_msg_v2 msg = {
        .type = VHOST_IOTLB_MSG_V2,
        .iotlb.type = type,
    };
    ssize_t len;

    if (piece) {
        msg.iotlb.iova = piece->iova;
        msg.iotlb.size = piece->last - piece->iova + 1;
        msg.iotlb.uaddr = (uintptr_t)piece->host;
        msg.iotlb.perm = VHOST_ACCESS_RW;
    }
    len = write(v->device_fd, &msg, sizeof(msg));
    return len == sizeof(msg) ? 0 : len < 0 ? -errno : -EIO;
}

static uint64_t vdpa_dev_size(GArray *pieces)
{
    uint64_t size = 0;

    for (unsigned i = 0; i < pieces->len; i++) {
        VdpaDevPiece *piece = &g_array_index(pieces, VdpaDevPiece, i);

        size += piece->last - piece->iova + 1;
    }
    return size;
}

/* Bytes that the kernel counts as pinned by this process */
static uint64_t vdpa_dev_pinned(void)
{
    g_autofree char *status = NULL;
    const char *line;
    uint64_t kib;

    if (!g_file_get_contents("/proc/self/status", &status, NULL, NULL)) {
        return 0;
    }
    line = strstr(status, "\nVmPin:");
    if (!line || qemu_strtou64(line + strlen("\nVmPin:"), NULL, 10, &kib)) {
        return 0;
    }
    return kib * KiB;
}

/* The kernel has one errno for everything that can go wrong with a mapping */
static void vdpa_dev_map_hint(VhostVdpaDevice *v, Error **errp)
{
    uint64_t pinned = vdpa_dev_pinned();
    uint64_t missing = vdpa_dev_size(v->memory->wanted) -
                       vdpa_dev_size(v->memory->mapped);
    struct rlimit limit;

    if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 &&
        limit.rlim_cur != RLIM_INFINITY && pinned + missing > limit.rlim_cur) {
        error_append_hint(errp, "RLIMIT_MEMLOCK is %" PRIu64 " KiB; %" PRIu64
                          " KiB are pinned and %" PRIu64 " KiB more are "
                          "needed. If the host device pins memory, raise it "
                          "with ulimit -l, LimitMEMLOCK= of systemd or "
                          "hard_limit of libvirt.\n",
                          (uint64_t)limit.rlim_cur / KiB, pinned / KiB,
                          missing / KiB);
    }
    error_append_hint(errp, "The kernel may be out of IOTLB entries (module "
                      "parameter max_iotlb_entries): back the guest's memory "
                      "with huge pages.\n");
}

static bool vdpa_dev_check_range(VhostVdpaDevice *v, const VdpaDevPiece *piece,
                                 Error **errp)
{
    const struct vhost_vdpa_iova_range *range = &v->iova_range;

    if (piece->iova < range->first || piece->last > range->last) {
        error_setg(errp, "%s: guest RAM at [0x%" HWADDR_PRIx ", 0x%"
                   HWADDR_PRIx "] is outside the IOVA range [0x%" PRIx64
                   ", 0x%" PRIx64 "]", v->name, piece->iova, piece->last,
                   (uint64_t)range->first, (uint64_t)range->last);
        return false;
    }
    return true;
}

static bool vdpa_dev_map_piece(VhostVdpaDevice *v, const VdpaDevPiece *piece,
                               Error **errp)
{
    ERRP_GUARD();
    int ret;

    trace_vdpa_dev_map_piece(v->name, piece->iova, piece->last);
    if (!vdpa_dev_check_range(v, piece, errp)) {
        return false;
    }
    ret = vdpa_dev_iotlb_send(v, VHOST_IOTLB_UPDATE, piece);
    if (!vdpa_dev_call_result(v, "IOTLB_UPDATE", ret, errp)) {
        error_prepend(errp, "cannot map guest RAM at [0x%" HWADDR_PRIx
                      ", 0x%" HWADDR_PRIx "]: ", piece->iova, piece->last);
        if (ret == -EFAULT) {
            vdpa_dev_map_hint(v, errp);
        }
        return false;
    }
    vdpa_dev_pieces_add(v->memory->mapped, piece);
    return true;
}

/* @index: of the piece in @v->memory->mapped */
static bool vdpa_dev_unmap_piece(VhostVdpaDevice *v, unsigned index,
                                 Error **errp)
{
    VdpaDevPiece piece = g_array_index(v->memory->mapped, VdpaDevPiece, index);

    trace_vdpa_dev_unmap_piece(v->name, piece.iova, piece.last);
    if (!vdpa_dev_call_result(v, "IOTLB_INVALIDATE",
                              vdpa_dev_iotlb_send(v, VHOST_IOTLB_INVALIDATE,
                                             &piece), errp)) {
        return false;
    }
    if (v->memory->in_batch) {
        vdpa_dev_pieces_add(v->memory->leaving, &piece);
    }
    g_array_remove_index_fast(v->memory->mapped, index);
    return true;
}

static bool vdpa_dev_batch_begin(VhostVdpaDevice *v, Error **errp)
{
    if (!(v->hdev.backend_cap & BIT_ULL(VHOST_BACKEND_F_IOTLB_BATCH))) {
        return true;
    }
    v->memory->in_batch = vdpa_dev_call_result(v, "IOTLB_BATCH_BEGIN",
        vdpa_dev_iotlb_send(v, VHOST_IOTLB_BATCH_BEGIN, NULL), errp);
    return v->memory->in_batch;
}

static bool vdpa_dev_batch_end(VhostVdpaDevice *v, Error **errp)
{
    if (!v->memory->in_batch) {
        return true;
    }
    if (!vdpa_dev_call_result(v, "IOTLB_BATCH_END",
                              vdpa_dev_iotlb_send(v, VHOST_IOTLB_BATCH_END,
                                                  NULL), errp)) {
        return false;
    }
    v->memory->in_batch = false;
    g_array_set_size(v->memory->leaving, 0);
    return true;
}

/*
 * A batch that could not be ended: as long as it is open, messages change
 * vhost's table alone.
 */
static bool vdpa_dev_end_old_batch(VhostVdpaDevice *v, Error **errp)
{
    v->memory->forgotten |= v->memory->in_batch;
    return vdpa_dev_batch_end(v, errp);
}

static bool vdpa_dev_find_piece(GArray *pieces, const VdpaDevPiece *piece)
{
    for (unsigned i = 0; i < pieces->len; i++) {
        if (vdpa_dev_same_piece(&g_array_index(pieces, VdpaDevPiece, i),
                                piece)) {
            return true;
        }
    }
    return false;
}

static bool vdpa_dev_unmap_stale(VhostVdpaDevice *v, Error **errp)
{
    GArray *mapped = v->memory->mapped;

    for (unsigned i = mapped->len; i-- > 0; ) {
        if (!vdpa_dev_find_piece(v->memory->wanted,
                                 &g_array_index(mapped, VdpaDevPiece, i)) &&
            !vdpa_dev_unmap_piece(v, i, errp)) {
            return false;
        }
    }
    return true;
}

/*
 * A backend that works on virtual addresses (VDUSE, vdpa_sim since Linux 6.12)
 * skips private memory and reports success.  Sent again, a page of memory that
 * was mapped overlaps, which is refused; one that was skipped succeeds.
 */
static bool vdpa_dev_check_skipped(VhostVdpaDevice *v,
                                   const VdpaDevPiece *piece, Error **errp)
{
    ERRP_GUARD();
    VdpaDevPiece page = *piece;
    int ret;

    if (v->memory->maps_private ||
        qemu_ram_is_shared(piece->mr->ram_block)) {
        return true;
    }
    page.last = page.iova + qemu_real_host_page_size() - 1;
    ret = vdpa_dev_iotlb_send(v, VHOST_IOTLB_UPDATE, &page);
    if (ret == -EFAULT) {
        v->memory->maps_private = true;
        return true;
    }
    if (!vdpa_dev_call_result(v, "IOTLB_UPDATE", ret, errp)) {
        return false;
    }
    vdpa_dev_iotlb_send(v, VHOST_IOTLB_INVALIDATE, &page);
    error_setg(errp, "%s: IOTLB_UPDATE skips guest RAM that is not shared",
               v->name);
    error_append_hint(errp, "The host device works on virtual addresses. Use "
                      "a shared memory backend: -object "
                      "memory-backend-memfd,id=ram,size=SIZE,share=on "
                      "-machine memory-backend=ram\n");
    return false;
}

/* When private memory is skipped none of it counts as mapped */
static bool vdpa_dev_check_private(VhostVdpaDevice *v, Error **errp)
{
    GArray *mapped = v->memory->mapped;
    bool ok = true;

    for (unsigned i = 0; ok && i < mapped->len; i++) {
        ok = vdpa_dev_check_skipped(v, &g_array_index(mapped, VdpaDevPiece, i),
                                    errp);
    }
    for (unsigned i = mapped->len; !ok && i-- > 0; ) {
        VdpaDevPiece *piece = &g_array_index(mapped, VdpaDevPiece, i);

        if (!qemu_ram_is_shared(piece->mr->ram_block)) {
            vdpa_dev_unmap_piece(v, i, NULL);
        }
    }
    return ok;
}

/* All that is in @missing but the last, and all that is not wanted any more */
static bool vdpa_dev_change_batch(VhostVdpaDevice *v, GArray *missing,
                                  Error **errp)
{
    bool ok;

    if (!vdpa_dev_batch_begin(v, errp)) {
        return false;
    }
    ok = vdpa_dev_unmap_stale(v, errp);
    for (unsigned i = 0; ok && i + 1 < missing->len; i++) {
        ok = vdpa_dev_map_piece(v, &g_array_index(missing, VdpaDevPiece, i),
                                errp);
    }
    return vdpa_dev_batch_end(v, ok ? errp : NULL) && ok;
}

/*
 * The kernel throws the result of a batch away.  So the last piece goes
 * outside it: what the backend says of it, it says of the whole table.
 */
static bool vdpa_dev_change_map(VhostVdpaDevice *v, GArray *missing,
                                Error **errp)
{
    VdpaDevMemory *memory = v->memory;
    unsigned kept = memory->wanted->len - missing->len;
    bool ok = true;

    if (missing->len > 1 || memory->mapped->len > kept) {
        ok = vdpa_dev_change_batch(v, missing, errp);
    }
    if (ok && missing->len) {
        ok = vdpa_dev_map_piece(v, &g_array_index(missing, VdpaDevPiece,
                                                  missing->len - 1), errp) &&
             vdpa_dev_check_private(v, errp);
        memory->forgotten = false;
    }
    memory->forgotten |= !ok;
    return ok;
}

bool vdpa_dev_iotlb_sync(VhostVdpaDevice *v, Error **errp)
{
    VdpaDevMemory *memory = v->memory;
    g_autoptr(GArray) missing = g_array_new(false, false,
                                            sizeof(VdpaDevPiece));
    bool ok = true;

    if (v->needs_backend_reset) {
        return true;
    }
    if (!vdpa_dev_end_old_batch(v, errp)) {
        return false;
    }
    for (unsigned i = 0; i < memory->wanted->len; i++) {
        VdpaDevPiece *piece = &g_array_index(memory->wanted, VdpaDevPiece, i);

        if (!vdpa_dev_find_piece(memory->mapped, piece)) {
            g_array_append_vals(missing, piece, 1);
        }
    }
    if (missing->len || memory->mapped->len > memory->wanted->len) {
        ok = vdpa_dev_change_map(v, missing, errp);
    }
    v->hdev.n_mem_sections = memory->mapped->len;
    return ok;
}

void vdpa_dev_iotlb_cut(VhostVdpaDevice *v)
{
    if (!vdpa_dev_end_old_batch(v, NULL)) {
        return;
    }
    for (unsigned i = v->memory->mapped->len; i-- > 0; ) {
        vdpa_dev_unmap_piece(v, i, NULL);
    }
}

/* After a reset: a change outside a batch makes the backend take all again */
static bool vdpa_dev_iotlb_remind(VhostVdpaDevice *v, Error **errp)
{
    GArray *mapped = v->memory->mapped;
    unsigned smallest = 0;
    VdpaDevPiece piece;

    for (unsigned i = 1; i < mapped->len; i++) {
        VdpaDevPiece *a = &g_array_index(mapped, VdpaDevPiece, i);
        VdpaDevPiece *b = &g_array_index(mapped, VdpaDevPiece, smallest);

        if (a->last - a->iova < b->last - b->iova) {
            smallest = i;
        }
    }
    piece = g_array_index(mapped, VdpaDevPiece, smallest);
    return vdpa_dev_unmap_piece(v, smallest, errp) &&
           vdpa_dev_map_piece(v, &piece, errp);
}

bool vdpa_dev_iotlb_prepare(VhostVdpaDevice *v, Error **errp)
{
    VdpaDevMemory *memory = v->memory;

    if (!vdpa_dev_iotlb_sync(v, errp)) {
        return false;
    }
    if (memory->forgotten && memory->mapped->len) {
        if (!vdpa_dev_iotlb_remind(v, errp)) {
            return false;
        }
        memory->forgotten = false;
    }
    return true;
}

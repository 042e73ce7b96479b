/*
 * vhost-vdpa-device-pci: the generic vDPA device on a PCI bus
 *
 * Class, ids, number of vectors and the choice between legacy and modern
 * follow from what the backend is; so it is asked before anything of the PCI
 * function is made.
 *
 * Copyright (c) 2026 vdpa-dev developers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/pci/pci_ids.h"
#include "hw/qdev-properties.h"
#include "hw/virtio/vdpa-dev.h"
#include "hw/virtio/virtio-pci.h"
#include "qapi/error.h"
#include "qemu/host-utils.h"
#include "standard-headers/linux/virtio_ids.h"

/* Virtio specification, section 4.1.2.1: 0x1040 + id, up to 0x107f */
#define VDPA_DEV_PCI_ID_MAX 0x3f

/* The modern device-specific region (virtio_pci_realize()) */
#define VDPA_DEV_PCI_MODERN_CONFIG 0x1000

/* What page-per-vq=on makes of a queue's notification address */
#define VDPA_DEV_PCI_NOTIFY_PAGE 0x1000

/* As virtio-9p-pci has it; none of the names in pci_ids.h */
#define VDPA_DEV_PCI_CLASS_9P 0x0002

/* An I/O BAR has 256 bytes, the legacy header with MSI-X takes 24 of them */
#define VDPA_DEV_PCI_LEGACY_CONFIG (256 - 24)

#define TYPE_VHOST_VDPA_DEVICE_PCI "vhost-vdpa-device-pci-base"
OBJECT_DECLARE_TYPE(VhostVdpaDevicePCI, VhostVdpaDevicePCIClass,
                    VHOST_VDPA_DEVICE_PCI)

struct VhostVdpaDevicePCI {
    VirtIOPCIProxy parent_obj;
    VhostVdpaDevice vdev;
};

struct VhostVdpaDevicePCIClass {
    VirtioPCIClass parent_class;
    DeviceRealize parent_realize;
};

typedef struct VdpaDevPciType {
    uint16_t class_code;
    uint16_t transitional_id; /* section 4.1.2.1; 0: has no legacy form */
} VdpaDevPciType;

static const VdpaDevPciType vdpa_dev_pci_types[] = {
    [VIRTIO_ID_NET] = { PCI_CLASS_NETWORK_ETHERNET, PCI_DEVICE_ID_VIRTIO_NET },
    [VIRTIO_ID_BLOCK] = { PCI_CLASS_STORAGE_SCSI, PCI_DEVICE_ID_VIRTIO_BLOCK },
    [VIRTIO_ID_CONSOLE] = { PCI_CLASS_COMMUNICATION_OTHER,
                            PCI_DEVICE_ID_VIRTIO_CONSOLE },
    [VIRTIO_ID_RNG] = { PCI_CLASS_OTHERS, PCI_DEVICE_ID_VIRTIO_RNG },
    [VIRTIO_ID_BALLOON] = { PCI_CLASS_OTHERS, PCI_DEVICE_ID_VIRTIO_BALLOON },
    [VIRTIO_ID_SCSI] = { PCI_CLASS_STORAGE_SCSI, PCI_DEVICE_ID_VIRTIO_SCSI },
    [VIRTIO_ID_9P] = { VDPA_DEV_PCI_CLASS_9P, PCI_DEVICE_ID_VIRTIO_9P },
    [VIRTIO_ID_GPU] = { PCI_CLASS_DISPLAY_OTHER },
    [VIRTIO_ID_INPUT] = { PCI_CLASS_INPUT_OTHER },
    [VIRTIO_ID_VSOCK] = { PCI_CLASS_COMMUNICATION_OTHER },
    [VIRTIO_ID_SOUND] = { PCI_CLASS_MULTIMEDIA_AUDIO },
    [VIRTIO_ID_FS] = { PCI_CLASS_STORAGE_OTHER },
    [VIRTIO_ID_I2C_ADAPTER] = { PCI_CLASS_COMMUNICATION_OTHER },
    [VIRTIO_ID_GPIO] = { PCI_CLASS_COMMUNICATION_OTHER },
};

static const VdpaDevPciType *vdpa_dev_pci_type(uint32_t device_id)
{
    static const VdpaDevPciType other = { PCI_CLASS_OTHERS };

    if (device_id >= ARRAY_SIZE(vdpa_dev_pci_types) ||
        !vdpa_dev_pci_types[device_id].class_code) {
        return &other;
    }
    return &vdpa_dev_pci_types[device_id];
}

/* Legacy only if it can be, when the user left it open */
static bool vdpa_dev_pci_choose_legacy(VirtIOPCIProxy *proxy,
                                       VhostVdpaDevice *v, Error **errp)
{
    ERRP_GUARD();
    bool has_legacy = vdpa_dev_pci_type(v->device_id)->transitional_id;
    bool needs_legacy = proxy->disable_modern ||
                        proxy->disable_legacy == ON_OFF_AUTO_OFF;

    if (!needs_legacy &&
        (!has_legacy || v->config_size > VDPA_DEV_PCI_LEGACY_CONFIG ||
         virtio_host_has_feature(VIRTIO_DEVICE(v),
                                 VIRTIO_F_ACCESS_PLATFORM))) {
        proxy->disable_legacy = ON_OFF_AUTO_ON;
    }
    if (needs_legacy && !has_legacy) {
        error_setg(errp, "%s: virtio device id %" PRIu32
                   " has no legacy form", v->name, v->device_id);
        error_append_hint(errp, "Use vhost-vdpa-device-pci without "
                          "disable-legacy=off and disable-modern=on.\n");
        return false;
    }
    if (proxy->disable_legacy == ON_OFF_AUTO_ON &&
        !virtio_has_feature(v->hdev.features, VIRTIO_F_VERSION_1)) {
        error_setg(errp, "%s: GET_FEATURES: 0x%" PRIx64 " has no VERSION_1, "
                   "and the device can have no legacy form", v->name,
                   (uint64_t)v->hdev.features);
        return false;
    }
    v->config_window = needs_legacy ? VDPA_DEV_PCI_LEGACY_CONFIG :
                                      VDPA_DEV_PCI_MODERN_CONFIG;
    return true;
}

static bool vdpa_dev_pci_choose_vectors(VirtIOPCIProxy *proxy,
                                        VhostVdpaDevice *v, Error **errp)
{
    const uint32_t most = PCI_MSIX_FLAGS_QSIZE + 1;

    if (proxy->nvectors == DEV_NVECTORS_UNSPECIFIED) {
        proxy->nvectors = MIN(v->num_rings + 1, most);
    }
    if (proxy->nvectors > most) {
        error_setg(errp, "%s: vectors=%" PRIu32 " is above MSI-X's limit of %"
                   PRIu32, v->name, proxy->nvectors, most);
        return false;
    }
    return true;
}

static bool vdpa_dev_pci_adapt(VirtIOPCIProxy *proxy, VhostVdpaDevice *v,
                               Error **errp)
{
    if (v->device_id > VDPA_DEV_PCI_ID_MAX) {
        error_setg(errp, "%s: GET_DEVICE_ID: virtio device id %" PRIu32
                   " does not fit on PCI, where they go up to %d", v->name,
                   v->device_id, VDPA_DEV_PCI_ID_MAX);
        return false;
    }
    proxy->class_code = vdpa_dev_pci_type(v->device_id)->class_code;
    return vdpa_dev_pci_choose_legacy(proxy, v, errp) &&
           vdpa_dev_pci_choose_vectors(proxy, v, errp);
}

/* DeviceClass::realize, in front of PCI's own */
static void vdpa_dev_pci_dc_realize(DeviceState *qdev, Error **errp)
{
    ERRP_GUARD();
    VhostVdpaDevicePCI *dev = VHOST_VDPA_DEVICE_PCI(qdev);

    if (!vdpa_dev_open(&dev->vdev, errp)) {
        return;
    }
    if (vdpa_dev_pci_adapt(VIRTIO_PCI(dev), &dev->vdev, errp)) {
        VHOST_VDPA_DEVICE_PCI_GET_CLASS(dev)->parent_realize(qdev, errp);
    }
    /* The device's own unrealize closes it when it came as far as that */
    if (*errp && !DEVICE(&dev->vdev)->realized) {
        vdpa_dev_close(&dev->vdev);
    }
}

/* As long as the rings need: a hot-plug port has not much room for a BAR */
static void vdpa_dev_pci_fit_notify(VirtIOPCIProxy *proxy, VhostVdpaDevice *v)
{
    bool pages = proxy->flags & VIRTIO_PCI_FLAG_PAGE_PER_VQ;

    proxy->notify.size = v->num_rings * (pages ? VDPA_DEV_PCI_NOTIFY_PAGE : 4);
    memory_region_set_size(&proxy->modern_bar,
                           pow2ceil(proxy->notify.offset +
                                    proxy->notify.size));
    v->wants_doorbells = pages && virtio_pci_modern(proxy) &&
        qemu_real_host_page_size() == VDPA_DEV_PCI_NOTIFY_PAGE;
}

/* VirtioPCIClass::realize: the PCI function is there, now the device */
static void vdpa_dev_pci_realize(VirtIOPCIProxy *proxy, Error **errp)
{
    VhostVdpaDevicePCI *dev = VHOST_VDPA_DEVICE_PCI(proxy);
    const VdpaDevPciType *type = vdpa_dev_pci_type(dev->vdev.device_id);

    vdpa_dev_pci_fit_notify(proxy, &dev->vdev);
    dev->vdev.transitional = virtio_pci_legacy(proxy);
    if (dev->vdev.transitional) {
        pci_config_set_device_id(proxy->pci_dev.config, type->transitional_id);
    }
    qdev_realize(DEVICE(&dev->vdev), BUS(&proxy->bus), errp);
}

static void vdpa_dev_pci_instance_init(Object *obj)
{
    VhostVdpaDevicePCI *dev = VHOST_VDPA_DEVICE_PCI(obj);

    virtio_instance_init_common(obj, &dev->vdev, sizeof(dev->vdev),
                                TYPE_VHOST_VDPA_DEVICE);
    object_property_add_alias(obj, "bootindex", OBJECT(&dev->vdev),
                              "bootindex");
    /* The property's default is off */
    VIRTIO_PCI(obj)->flags |= VIRTIO_PCI_FLAG_PAGE_PER_VQ;
}

static const Property vdpa_dev_pci_properties[] = {
    DEFINE_PROP_UINT32("vectors", VirtIOPCIProxy, nvectors,
                       DEV_NVECTORS_UNSPECIFIED),
};

static void vdpa_dev_pci_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    VirtioPCIClass *k = VIRTIO_PCI_CLASS(klass);
    VhostVdpaDevicePCIClass *vk = VHOST_VDPA_DEVICE_PCI_CLASS(klass);

    device_class_set_parent_realize(dc, vdpa_dev_pci_dc_realize,
                                    &vk->parent_realize);
    device_class_set_props(dc, vdpa_dev_pci_properties);
    dc->desc = "Generic vDPA device (vhost-vdpa)";
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    k->realize = vdpa_dev_pci_realize;
}

static const VirtioPCIDeviceTypeInfo vdpa_dev_pci_info = {
    .base_name = TYPE_VHOST_VDPA_DEVICE_PCI,
    .generic_name = "vhost-vdpa-device-pci",
    .transitional_name = "vhost-vdpa-device-pci-transitional",
    .non_transitional_name = "vhost-vdpa-device-pci-non-transitional",
    .instance_size = sizeof(VhostVdpaDevicePCI),
    .instance_init = vdpa_dev_pci_instance_init,
    .class_size = sizeof(VhostVdpaDevicePCIClass),
    .class_init = vdpa_dev_pci_class_init,
};

static void vdpa_dev_pci_register_types(void)
{
    virtio_pci_types_register(&vdpa_dev_pci_info);
}

type_init(vdpa_dev_pci_register_types)

/* SPDX-License-Identifier: MIT */
/*
 * Security descriptors, as far as WSK clients use them: built by hand, cached by WSK, given to
 * sockets.
 *
 * Descriptors are kept in the absolute form. Access checks know one subject, which is a member of
 * every group: kernel mode is granted everything, user mode what the allowing entries of the list
 * grant (a missing or NULL list grants everything).
 *
 * Limits: no owner, group or audit list is evaluated, no self-relative form is made.
 */
#include "model/rtl/rtl.h"

#include "model/ke/ke.h"

#include <string.h>

enum {
    DACL_PRESENT = 0x0004,
    DACL_DEFAULTED = 0x0008,
    ACE_ALLOWED = 0,
    ACE_HEADER = 8, /* type, flags, size, mask */
    SID_HEADER = 8,
    SID_PARTS_MAX = 15,
    RELATIVE_HEADER = 20, /* a descriptor in the self-relative form */
    SECURITY_TAG = 'S' | 'e' << 8 | 'S' << 16 | 'd' << 24
};

static ULONG sid_length(struct sim *s, PSID sid)
{
    const UCHAR *bytes = sid;
    ULONG length;
    model_touch(s, sid, SID_HEADER, "Sid");
    length = SID_HEADER + 4u * (bytes[1] <= SID_PARTS_MAX ? bytes[1] : 0);
    model_touch(s, sid, length, "Sid");
    return length;
}

static SECURITY_DESCRIPTOR *check_descriptor(struct sim *s, PSECURITY_DESCRIPTOR descriptor)
{
    model_touch(s, descriptor, sizeof(SECURITY_DESCRIPTOR), "SecurityDescriptor");
    return descriptor;
}

NTSTATUS RtlCreateSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor, ULONG Revision)
{
    struct sim *s = model_enter(ROUTINE_RtlCreateSecurityDescriptor);
    SECURITY_DESCRIPTOR *d;
    if (Revision != SECURITY_DESCRIPTOR_REVISION) {
        return model_leave_status(s, STATUS_UNKNOWN_REVISION);
    }
    d = check_descriptor(s, SecurityDescriptor);
    memset(d, 0, sizeof(*d));
    d->Revision = SECURITY_DESCRIPTOR_REVISION;
    return model_leave_status(s, STATUS_SUCCESS);
}

NTSTATUS RtlSetDaclSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor, BOOLEAN DaclPresent,
                                      PACL Dacl, BOOLEAN DaclDefaulted)
{
    struct sim *s = model_enter(ROUTINE_RtlSetDaclSecurityDescriptor);
    SECURITY_DESCRIPTOR *d = check_descriptor(s, SecurityDescriptor);
    if (d->Revision != SECURITY_DESCRIPTOR_REVISION) {
        return model_leave_status(s, STATUS_UNKNOWN_REVISION);
    }
    d->Control = (USHORT)(d->Control & ~(DACL_PRESENT | DACL_DEFAULTED));
    d->Dacl = NULL;
    if (DaclPresent) {
        d->Control = (USHORT)(d->Control | DACL_PRESENT | (DaclDefaulted ? DACL_DEFAULTED : 0));
        d->Dacl = Dacl;
    }
    return model_leave_status(s, STATUS_SUCCESS);
}

static ULONG descriptor_length(struct sim *s, const SECURITY_DESCRIPTOR *d)
{
    ULONG length = RELATIVE_HEADER;
    if (d->Owner != NULL) {
        length += sid_length(s, d->Owner);
    }
    if (d->Group != NULL) {
        length += sid_length(s, d->Group);
    }
    if ((d->Control & DACL_PRESENT) != 0 && d->Dacl != NULL) {
        model_touch(s, d->Dacl, sizeof(ACL), "the Dacl");
        length += d->Dacl->AclSize;
    }
    return length;
}

ULONG RtlLengthSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor)
{
    struct sim *s = model_enter(ROUTINE_RtlLengthSecurityDescriptor);
    ULONG length = descriptor_length(s, check_descriptor(s, SecurityDescriptor));
    model_leave(s);
    return length;
}

ULONG RtlLengthSid(PSID Sid)
{
    struct sim *s = model_enter(ROUTINE_RtlLengthSecurityDescriptor);
    ULONG length = sid_length(s, Sid);
    model_leave(s);
    return length;
}

/* ---- access lists ---- */

NTSTATUS RtlCreateAcl(PACL Acl, ULONG AclLength, ULONG AclRevision)
{
    struct sim *s = model_enter(ROUTINE_RtlCreateAcl);
    if (AclLength < sizeof(*Acl)) {
        return model_leave_status(s, STATUS_BUFFER_TOO_SMALL);
    }
    if (AclRevision < ACL_REVISION || AclRevision > 4 || AclLength > MAXUSHORT) {
        return model_leave_status(s, STATUS_INVALID_PARAMETER);
    }
    model_touch(s, Acl, AclLength, "Acl");
    memset(Acl, 0, AclLength);
    Acl->AclRevision = (UCHAR)AclRevision;
    Acl->AclSize = (USHORT)(AclLength & ~3u);
    return model_leave_status(s, STATUS_SUCCESS);
}

/* The entry at offset, or NULL at the end of a well-formed list. */
static const UCHAR *ace_at(const ACL *acl, ULONG offset, ULONG *size)
{
    const UCHAR *ace = (const UCHAR *)acl + offset;
    if (offset + ACE_HEADER > acl->AclSize) {
        return NULL;
    }
    *size = (ULONG)ace[2] | (ULONG)ace[3] << 8;
    return *size < ACE_HEADER || offset + *size > acl->AclSize ? NULL : ace;
}

/* Bytes in use: header and entries. */
static ULONG acl_used(const ACL *acl)
{
    ULONG offset = sizeof(*acl), size = 0;
    for (unsigned i = 0; i < acl->AceCount && ace_at(acl, offset, &size) != NULL; i++) {
        offset += size;
    }
    return offset;
}

NTSTATUS RtlAddAccessAllowedAce(PACL Acl, ULONG AceRevision, ACCESS_MASK AccessMask, PSID Sid)
{
    struct sim *s = model_enter(ROUTINE_RtlAddAccessAllowedAce);
    ULONG offset, size;
    UCHAR *ace;
    if (AceRevision != ACL_REVISION) {
        return model_leave_status(s, STATUS_REVISION_MISMATCH);
    }
    model_touch(s, Acl, sizeof(*Acl), "Acl");
    model_touch(s, Acl, Acl->AclSize, "Acl");
    size = ACE_HEADER + sid_length(s, Sid);
    offset = acl_used(Acl);
    if (offset + size > Acl->AclSize) {
        return model_leave_status(s, STATUS_ALLOTTED_SPACE_EXCEEDED);
    }
    ace = (UCHAR *)Acl + offset;
    ace[0] = ACE_ALLOWED;
    ace[1] = 0;
    ace[2] = (UCHAR)size;
    ace[3] = (UCHAR)(size >> 8);
    memcpy(ace + 4, &AccessMask, sizeof(AccessMask));
    memcpy(ace + ACE_HEADER, Sid, size - ACE_HEADER);
    Acl->AceCount++;
    return model_leave_status(s, STATUS_SUCCESS);
}

/* ---- subjects and checks ---- */

void SeCaptureSubjectContext(PSECURITY_SUBJECT_CONTEXT SubjectContext)
{
    struct sim *s = model_enter(ROUTINE_SeCaptureSubjectContext);
    model_touch(s, SubjectContext, sizeof(*SubjectContext), "SubjectContext");
    memset(SubjectContext, 0, sizeof(*SubjectContext));
    model_leave(s);
}

void SeReleaseSubjectContext(PSECURITY_SUBJECT_CONTEXT SubjectContext)
{
    struct sim *s = model_enter(ROUTINE_SeReleaseSubjectContext);
    model_touch(s, SubjectContext, sizeof(*SubjectContext), "SubjectContext");
    model_leave(s);
}

/* A copy of the explicit descriptor and its list in one block, or one that grants everything. */
NTSTATUS SeAssignSecurity(PSECURITY_DESCRIPTOR ParentDescriptor,
                          PSECURITY_DESCRIPTOR ExplicitDescriptor,
                          PSECURITY_DESCRIPTOR *NewDescriptor, BOOLEAN IsDirectoryObject,
                          PSECURITY_SUBJECT_CONTEXT SubjectContext, PGENERIC_MAPPING GenericMapping,
                          ULONG PoolType)
{
    struct sim *s = model_enter(ROUTINE_SeAssignSecurity);
    const SECURITY_DESCRIPTOR *from =
        ExplicitDescriptor != NULL ? ExplicitDescriptor : ParentDescriptor;
    SECURITY_DESCRIPTOR *d;
    size_t list = 0;
    (void)IsDirectoryObject;
    (void)PoolType; /* the system's default, paged pool */
    model_touch(s, SubjectContext, sizeof(*SubjectContext), "SubjectContext");
    model_touch(s, GenericMapping, sizeof(*GenericMapping), "GenericMapping");
    model_touch(s, NewDescriptor, sizeof(*NewDescriptor), "NewDescriptor");
    if (from != NULL) {
        model_touch(s, from, sizeof(*from), "the descriptor");
        if ((from->Control & DACL_PRESENT) != 0 && from->Dacl != NULL) {
            model_touch(s, from->Dacl, sizeof(ACL), "the Dacl");
            list = from->Dacl->AclSize;
            model_touch(s, from->Dacl, list, "the Dacl");
        }
    }
    d = rtl_allocate(s, sizeof(*d) + list, SECURITY_TAG);
    if (d == NULL) {
        return model_leave_status(s, STATUS_INSUFFICIENT_RESOURCES);
    }
    memset(d, 0, sizeof(*d));
    d->Revision = SECURITY_DESCRIPTOR_REVISION;
    if (from != NULL) {
        d->Control = (USHORT)(from->Control & (DACL_PRESENT | DACL_DEFAULTED));
    }
    if (list != 0) {
        d->Dacl = (PACL)(d + 1);
        memcpy(d->Dacl, from->Dacl, list);
    }
    *NewDescriptor = d;
    return model_leave_status(s, STATUS_SUCCESS);
}

NTSTATUS SeDeassignSecurity(PSECURITY_DESCRIPTOR *SecurityDescriptor)
{
    struct sim *s = model_enter(ROUTINE_SeDeassignSecurity);
    model_touch(s, SecurityDescriptor, sizeof(*SecurityDescriptor), "SecurityDescriptor");
    if (*SecurityDescriptor != NULL) {
        rtl_free(s, *SecurityDescriptor);
        *SecurityDescriptor = NULL;
    }
    return model_leave_status(s, STATUS_SUCCESS);
}

static ACCESS_MASK map_generic(ACCESS_MASK mask, const GENERIC_MAPPING *mapping)
{
    mask |= (mask & GENERIC_READ) != 0 ? mapping->GenericRead : 0;
    mask |= (mask & GENERIC_WRITE) != 0 ? mapping->GenericWrite : 0;
    mask |= (mask & GENERIC_EXECUTE) != 0 ? mapping->GenericExecute : 0;
    mask |= (mask & GENERIC_ALL) != 0 ? mapping->GenericAll : 0;
    return mask & ~(GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE | GENERIC_ALL);
}

/* What the list grants to somebody who is in every group. */
static ACCESS_MASK granted_by(struct sim *s, const SECURITY_DESCRIPTOR *d,
                              const GENERIC_MAPPING *mapping)
{
    ACCESS_MASK granted = 0;
    ULONG offset = sizeof(ACL), size = 0;
    const UCHAR *ace;
    if ((d->Control & DACL_PRESENT) == 0 || d->Dacl == NULL) {
        return mapping->GenericAll | STANDARD_RIGHTS_ALL;
    }
    model_touch(s, d->Dacl, sizeof(ACL), "the Dacl");
    model_touch(s, d->Dacl, d->Dacl->AclSize, "the Dacl");
    for (unsigned i = 0; i < d->Dacl->AceCount; i++) {
        ACCESS_MASK mask;
        ace = ace_at(d->Dacl, offset, &size);
        if (ace == NULL) {
            break;
        }
        memcpy(&mask, ace + 4, sizeof(mask));
        granted |= ace[0] == ACE_ALLOWED ? map_generic(mask, mapping) : 0;
        offset += size;
    }
    return granted;
}

BOOLEAN SeAccessCheck(PSECURITY_DESCRIPTOR SecurityDescriptor,
                      PSECURITY_SUBJECT_CONTEXT SubjectSecurityContext,
                      BOOLEAN SubjectContextLocked, ACCESS_MASK DesiredAccess,
                      ACCESS_MASK PreviouslyGrantedAccess, PVOID *Privileges,
                      PGENERIC_MAPPING GenericMapping, KPROCESSOR_MODE AccessMode,
                      ACCESS_MASK *GrantedAccess, PNTSTATUS AccessStatus)
{
    struct sim *s = model_enter(ROUTINE_SeAccessCheck);
    ACCESS_MASK granted, wanted;
    BOOLEAN is_allowed;
    (void)SubjectSecurityContext;
    (void)SubjectContextLocked;
    (void)Privileges;
    model_touch(s, GenericMapping, sizeof(*GenericMapping), "GenericMapping");
    model_touch(s, GrantedAccess, sizeof(*GrantedAccess), "GrantedAccess");
    model_touch(s, AccessStatus, sizeof(*AccessStatus), "AccessStatus");
    wanted = map_generic(DesiredAccess, GenericMapping);
    granted = AccessMode == KernelMode
                  ? GenericMapping->GenericAll | wanted
                  : granted_by(s, check_descriptor(s, SecurityDescriptor), GenericMapping);
    granted |= PreviouslyGrantedAccess;
    wanted &= ~(ACCESS_MASK)MAXIMUM_ALLOWED;
    is_allowed = (wanted & ~granted) == 0;
    *GrantedAccess = !is_allowed ? 0 : (DesiredAccess & MAXIMUM_ALLOWED) != 0 ? granted : wanted;
    *AccessStatus = is_allowed ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
    model_leave(s);
    return is_allowed;
}

/* User mode is an administrator who has switched every privilege on. */
BOOLEAN SeSinglePrivilegeCheck(LUID PrivilegeValue, KPROCESSOR_MODE PreviousMode)
{
    struct sim *s = model_enter(ROUTINE_SeSinglePrivilegeCheck);
    (void)PrivilegeValue;
    (void)PreviousMode;
    model_leave(s);
    return TRUE;
}

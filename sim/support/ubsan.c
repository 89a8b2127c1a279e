/* SPDX-License-Identifier: MIT */
/*
 * UndefinedBehaviorSanitizer handlers. All data blocks begin with the place in the source; what
 * else they hold is not needed. wsksim-cc turns on only the checks that make sense for drivers, but
 * every handler is here, so that -fsanitize= options of a driver's own build link.
 */
#include "sim/support/support.h"

const char support_has_ubsan = 1;

struct ubsan_place {
    const char *file;
    uint32_t line, column;
};

#define HANDLER(name, what)                                                                        \
    void __ubsan_handle_##name(const struct ubsan_place *place);                                   \
    void __ubsan_handle_##name(const struct ubsan_place *place)                                    \
    {                                                                                              \
        sim_module_undefined(what, place->file, place->line, SUPPORT_PC, SUPPORT_FRAME);           \
    }

#define HANDLERS(name, what)                                                                       \
    HANDLER(name, what)                                                                            \
    HANDLER(name##_abort, what)

/* Here the place of the return statement is the second argument. */
#define RETURN_HANDLER(name, what)                                                                 \
    void __ubsan_handle_##name(const void *data, const struct ubsan_place *place);                 \
    void __ubsan_handle_##name(const void *data, const struct ubsan_place *place)                  \
    {                                                                                              \
        (void)data;                                                                                \
        sim_module_undefined(what, place->file, place->line, SUPPORT_PC, SUPPORT_FRAME);           \
    }

HANDLERS(type_mismatch_v1, "access through a null, misaligned or too small pointer")
HANDLERS(alignment_assumption, "a promised alignment does not hold")
HANDLERS(add_overflow, "signed addition overflows")
HANDLERS(sub_overflow, "signed subtraction overflows")
HANDLERS(mul_overflow, "signed multiplication overflows")
HANDLERS(negate_overflow, "negation overflows")
HANDLERS(divrem_overflow, "division by zero")
HANDLERS(shift_out_of_bounds, "shift count out of range")
HANDLERS(out_of_bounds, "array index out of bounds")
HANDLERS(local_out_of_bounds, "access out of bounds of a local array")
HANDLERS(vla_bound_not_positive, "array length is not positive")
HANDLERS(float_cast_overflow, "floating point value out of range of its new type")
HANDLERS(load_invalid_value, "value is not valid for its type")
HANDLERS(implicit_conversion, "implicit conversion changes the value")
HANDLERS(invalid_builtin, "bit scan of zero")
HANDLERS(nonnull_arg, "null passed where it must not be")
HANDLERS(nullability_arg, "null passed where it must not be")
HANDLERS(pointer_overflow, "pointer arithmetic overflows")
HANDLERS(function_type_mismatch, "call through a pointer of the wrong function type")
HANDLER(builtin_unreachable, "unreachable code reached")
HANDLER(missing_return, "end of a function that must return a value")
RETURN_HANDLER(nonnull_return_v1, "null returned where it must not be")
RETURN_HANDLER(nonnull_return_v1_abort, "null returned where it must not be")
RETURN_HANDLER(nullability_return_v1, "null returned where it must not be")
RETURN_HANDLER(nullability_return_v1_abort, "null returned where it must not be")

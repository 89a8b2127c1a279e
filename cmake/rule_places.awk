# SPDX-License-Identifier: MIT
#
# Reads the sources of the model and prints rule_places (replay/rule_list.h): for each rule the
# files that enforce it (RULE_CTL_083) or say that they keep it (CTL-083), and for each mutant the
# files that it breaks. Run in the root of the sources.
function note(id) {
    if (!((id, FILENAME) in seen)) {
        seen[id, FILENAME] = 1
        printf "    {\"%s\", \"%s\"},\n", id, FILENAME
    }
}
BEGIN {
    print "#include \"replay/rule_list.h\"\n\nconst struct rule_place rule_places[] = {"
}
{
    line = $0
    while (match(line, /(RULE_)?[A-Z][A-Z]+[-_][0-9][0-9][0-9][a-z]?/)) {
        id = substr(line, RSTART, RLENGTH)
        line = substr(line, RSTART + RLENGTH)
        if (id ~ /^RULE_/ || id ~ /-/) {
            sub(/^RULE_/, "", id)
            sub(/_/, "-", id)
            note(id)
        }
    }
    line = $0
    while (match(line, /model_mutated\([a-z0-9_]+\)/)) {
        note(substr(line, RSTART + 14, RLENGTH - 15))
        line = substr(line, RSTART + RLENGTH)
    }
}
END {
    print "    {NULL, NULL},\n};"
}

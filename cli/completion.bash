# completion of NAME for bash, version 4 or later

_NAME()
{
    local line=$COMP_LINE words=() word begun program flag='' breaks head='' answer=0 i n=-1
    COMPREPLY=()

    # bash ends words at = and : too; those that no blank is between are one.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((i == 0)) || [[ $line == [[:blank:]]* ]]; then
            line=${line#"${line%%[![:blank:]]*}"}
            ((n += 1))
        fi
        words[n]=${words[n]-}$word
        line=${line#"$word"}
    done
    program=${words[0]/#\~/$HOME}
    for ((i = 1; i <= n; i++)); do # nothing is evaluated, so quotes go by hand
        word=${words[i]#[\'\"]}
        words[i]=${word%[\'\"]}
    done

    # What is offered behind --flag= are values, and bash replaces what stands behind
    # the last end of a word.
    begun=${words[n]}
    [[ $begun == -*=* ]] && flag=${begun%%=*}=
    breaks=${COMP_WORDBREAKS//[^:=]/}
    [[ -n $breaks ]] && head=${begun%"${begun##*[$breaks]}"}

    while IFS= read -r word; do
        case $word in
            :*) answer=${word#:} ;;
            *) [[ $flag$word == "$begun"* ]] && word=$flag$word && COMPREPLY+=("${word#"$head"}") ;;
        esac
    done < <("$program" __completeNoDesc "${words[@]:1}" 2>/dev/null)

    if ((answer & 2)); then
        compopt -o nospace
    fi
    if ((answer & 16)); then
        compopt -o dirnames
    elif ((!(answer & 4) && ${#COMPREPLY[@]} == 0)); then
        compopt -o default
    fi
}

complete -F _NAME NAME

# Sourced by the scripts that run a study, which have set `study`, `program` and `store`: whatever stops the script, it says
# so, and once `launched` is yes, how to go on with the search.
launched=no
stopped() {
  status=$?
  if [ "$status" -ne 0 ]; then
    echo "$study: stopped (exit code $status)" >&2
    if [ "$launched" = yes ]; then
      echo "$study: go on with the search by: $program resume $study --store $store" >&2
    fi
  fi
}
trap stopped EXIT

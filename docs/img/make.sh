#!/usr/bin/env bash
# Takes the README's picture: starts a platform of its own, types the commands
# in a real terminal (tmux), captures the screen and renders it as SVG, and as
# PNG too where rsvg-convert is installed. Nothing in the picture is written
# by hand.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

work=$(mktemp -d)
tmux="tmux -L aictl-picture-$$ -f /dev/null"
finish() {
  $tmux kill-server 2>/dev/null || true
  aictl down >"$work/down.log" 2>&1 || true
  rm -rf "$work"
}
trap finish EXIT

export HOME=$work XDG_CONFIG_HOME=$work/config XDG_DATA_HOME=$work/data XDG_STATE_HOME=$work/state
export XDG_RUNTIME_DIR=$work/run AICTL_PICTURE=1 LC_ALL=C.UTF-8 PATH=$PWD/bin:$PATH
unset NO_COLOR CI AICTL_CONTEXT AICTL_CONFIG AICTL_SERVER AICTL_TOKEN
mkdir -p -m 700 "$XDG_RUNTIME_DIR"
aictl up --listen 127.0.0.1:0 >"$work/up.log" 2>&1 || { cat "$work/up.log" >&2; exit 1; }

$tmux new-session -d -s picture -x 100 -y 58 'env PS1="\[\e[1;32m\]$\[\e[0m\] " COLORTERM=truecolor bash --norc --noprofile'
$tmux set-option -g status off

# The prompt at the end of the screen says that a command has ended.
idle() {
  local i
  for i in $(seq 200); do
    if [[ $($tmux capture-pane -p -t picture | sed '/^ *$/d' | tail -n 1) =~ ^\$\ *$ ]]; then return 0; fi
    sleep 0.05
  done
  echo "the terminal did not come back:" >&2
  $tmux capture-pane -p -t picture >&2
  return 1
}

idle
for command in \
  'clear' \
  'aictl chat "what is running?"' \
  'aictl predict forecast --horizon 12 < docs/examples/series.csv'; do
  $tmux send-keys -t picture -l "$command"
  $tmux send-keys -t picture Enter
  sleep 0.3 # let the echo of the command replace the prompt
  idle
done

$tmux capture-pane -e -p -t picture | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}' | sed '$d' >"$work/screen.ansi"
HOME=$(getent passwd "$(id -u)" | cut -d: -f6) go run docs/img/svg.go <"$work/screen.ansi" >docs/img/aictl.svg
if command -v rsvg-convert >/dev/null; then
  rsvg-convert --zoom 1.5 docs/img/aictl.svg --output "${PICTURE_PNG:-/dev/null}"
fi

#!/usr/bin/env bash
# Takes the pictures of the dashboard: starts a platform with the demo's
# incident, opens the dashboard in a real terminal (tmux), walks through the
# incident, and renders what the screen shows as SVG. Nothing in the pictures is
# drawn by hand. With PICTURE_PNG=DIR and rsvg-convert there are PNGs too.
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
export XDG_RUNTIME_DIR=$work/run LC_ALL=C.UTF-8 TZ=UTC PATH=$PWD/bin:$PATH
unset NO_COLOR CI AICTL_CONTEXT AICTL_CONFIG AICTL_SERVER AICTL_TOKEN
mkdir -p -m 700 "$XDG_RUNTIME_DIR"
home=$(getent passwd "$(id -u)" | cut -d: -f6)
aictl up --demo --listen 127.0.0.1:0 >"$work/up.log" 2>&1 || { cat "$work/up.log" >&2; exit 1; }

$tmux new-session -d -s picture -x 120 -y 38 'COLORTERM=truecolor aictl dashboard --since 15m'
$tmux set-option -g status off
$tmux set-option -ga terminal-overrides ',*:Tc'

# sees TEXT: waits until the screen shows it.
sees() {
  local i
  for i in $(seq 1200); do
    if $tmux capture-pane -p -t picture | grep -qF -- "$1"; then return 0; fi
    sleep 0.2
  done
  echo "$1 was not shown:" >&2
  $tmux capture-pane -p -t picture >&2
  return 1
}

# shot NAME: what the screen shows, as a picture.
shot() {
  sleep 2 # what is still asked comes
  $tmux capture-pane -e -p -t picture | HOME=$home go run docs/img/svg.go >"docs/img/$1.svg"
  if [[ -n ${PICTURE_PNG:-} ]] && command -v rsvg-convert >/dev/null; then
    rsvg-convert --zoom 1.2 "docs/img/$1.svg" --output "$PICTURE_PNG/$1.png"
  fi
}

press() { $tmux send-keys -t picture "$@"; }

sees '1 alert firing: ServiceErrorsHigh'
sleep 10 # the charts get some points
shot dashboard
press w
sees 'cause found'
shot dashboard-why
press x
sees 'Apply to local?'
shot dashboard-plan
press n
press 3
sees 'TIME'
shot dashboard-logs
press 4
sees 'Calls a second'
shot dashboard-metrics
press 6
sees 'demo-checkout'
press Enter
shot dashboard-deployment
press q

package widget

// historyLimit is how many texts an input remembers.
const historyLimit = 200

// AddHistory remembers a text; one that is there already becomes the newest.
func (in *Input) AddHistory(text string) {
	if text == "" {
		return
	}
	kept := make([]string, 0, len(in.history)+1)
	for _, h := range in.history {
		if h != text {
			kept = append(kept, h)
		}
	}
	kept = append(kept, text)
	in.history = kept[max(len(kept)-historyLimit, 0):]
	in.past, in.draft = len(in.history), ""
}

// History is what the input remembers, the newest last.
func (in *Input) History() []string { return append([]string(nil), in.history...) }

// SetHistory replaces what the input remembers.
func (in *Input) SetHistory(texts []string) {
	in.history, in.draft = nil, ""
	for _, t := range texts {
		in.AddHistory(t)
	}
	in.past = len(in.history)
}

// remember shows an older text, or a newer one; after the newest comes what
// was being written.
func (in *Input) remember(by int) {
	to := in.past + by
	if to < 0 || to > len(in.history) {
		return
	}
	if in.past == len(in.history) {
		in.draft = in.text
	}
	if in.past = to; to == len(in.history) {
		in.text = in.draft
	} else {
		in.text = in.clean(in.history[to])
	}
	in.at = len(in.text)
	in.CloseWords()
}

package term

// Style is what a piece of text means, not how it looks. Every style of the
// command line is in this file. State is never told by colour alone: the word
// is always there too.
type Style uint8

// The styles.
const (
	Plain  Style = iota
	Bold         // headings, names
	Muted        // secondary: times, hints
	OK           // healthy, done
	Warn         // needs a look
	Bad          // failed, firing
	Accent       // what one can type or click
	Header       // column heads
	// Hue1 to Hue4 tell curves apart and mean nothing; letters do so too.
	Hue1
	Hue2
	Hue3
	Hue4
)

// sgr holds the Select Graphic Rendition of each style (ECMA-48 §8.3.117):
// only the 16 colours, which follow the person's palette.
var sgr = [...]string{
	Plain: "", Bold: "1", Muted: "2", OK: "32", Warn: "33", Bad: "31", Accent: "36", Header: "1",
	Hue1: "36", Hue2: "35", Hue3: "34", Hue4: "33",
}

// Styles applies styles where colour is on. The zero value writes plain text.
// The text must already be safe: styles do not sanitise.
type Styles struct{ on bool }

// NewStyles makes styles that are on or off.
func NewStyles(on bool) Styles { return Styles{on: on} }

// Enabled says whether colour is on.
func (s Styles) Enabled() bool { return s.on }

// Apply renders text in the style.
func (s Styles) Apply(style Style, text string) string {
	if !s.on || style == Plain || int(style) >= len(sgr) || text == "" {
		return text
	}
	return "\x1b[" + sgr[style] + "m" + text + "\x1b[0m"
}

// Bold renders headings and names.
func (s Styles) Bold(text string) string { return s.Apply(Bold, text) }

// Muted renders what is secondary.
func (s Styles) Muted(text string) string { return s.Apply(Muted, text) }

// OK renders what is well.
func (s Styles) OK(text string) string { return s.Apply(OK, text) }

// Warn renders what needs a look.
func (s Styles) Warn(text string) string { return s.Apply(Warn, text) }

// Bad renders what has failed.
func (s Styles) Bad(text string) string { return s.Apply(Bad, text) }

// Accent renders what one can type.
func (s Styles) Accent(text string) string { return s.Apply(Accent, text) }

// Header renders column heads.
func (s Styles) Header(text string) string { return s.Apply(Header, text) }

// Package widget is what the panes are made of: a table of 100,000 rows, a
// page, a tree, a diff, a chart, fields to type into, and the functions that
// cut text to columns. It knows no noun of the platform.
//
// A widget is a plain struct that its pane owns: no goroutines, no clock, no
// commands. It draws at most as many lines and columns as it is given, also
// one, and the work of a View grows with what is visible, not with what is
// held.
//
// Text comes in two kinds. Plain text is what others wrote; a widget makes it
// safe itself and says so. Styled text is ours: it may hold the styles of
// package theme, and was made safe (package term) before it was styled.
package widget

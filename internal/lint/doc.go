// Package lint holds the house rules of this repository, as tests. It has no code of its own: what a rule says and how it
// looks at the tree stand side by side in one test file for each family of rules.
//
//	sizes_test.go       lines of a function, a file, a package; fields of a struct; parameters
//	docs_test.go        every exported name and every package is documented; a stage says what feeds and drains it
//	imports_test.go     which package may import which: one way, as the pipeline flows
//	goroutines_test.go  goroutines start only where docs/OWNERSHIP.md says so
//	bans_test.go        time.Sleep, init, panic, dot imports
//	vars_test.go        package-level variables
//	text_test.go        open ends, and traces of one machine, in any text file
//	modules_test.go     go.mod files: the pinned dependencies, and nothing replaced
//	links_test.go       what documents name exists, and docs/MAP.md names every package
//
// The rules hold for every module and every Go file, except tests, generated files and what lies under testdata (the rules
// of text_test.go hold there too). There is no list of exceptions and no comment that silences a rule: whoever finds a
// rule wrong changes the rule, for everybody. Each rule is also shown source that breaks it, so that none can rot into one
// that never fails.
package lint

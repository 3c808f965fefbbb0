package dialect

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/omnibus-kafka/omnibus/internal/properties"
)

// vocabulary is a dialect that differs from Java's.
type vocabulary struct {
	// owner is whose dialect it is, for messages.
	owner string
	// prefix may stand before names, and is taken off those that are not known with it.
	prefix string
	rules  map[string]rule
	// java are the names that may stand beside.
	java names
	// secrets are the names of settings that nobody may read.
	secrets []string
	// combine puts into Java's words what takes several settings, and what holds where nothing is said.
	combine func(*translation)
}

// rule says what becomes of a setting. The zero rule leaves it to vocabulary.combine.
type rule struct {
	// alias is another name of the same setting, whose rule holds.
	alias string
	// to is Java's name of it.
	to string
	// turn makes Java's value of the dialect's; nil where they are the same. What it cannot read it leaves as it is, for
	// omnibus.Config.Set knows what is wanted.
	turn func(value string) (java, note string)
	// idle says why a setting changes nothing here, and what to do.
	idle string
	// refused says why a setting is a mistake here, and what to do.
	refused string
	// unless lists values, in lower case, with which an idle or refused setting asks for nothing that is not so anyway.
	unless []string
}

// entry is what was said last of a setting, and which of all that was said it is.
type entry struct {
	Setting
	at int
}

// translation is a translation under way.
type translation struct {
	*vocabulary
	// said is by the dialect's own names.
	said  map[string]entry
	weak  int // so many of what was said are weak
	below Reading
	above Reading
}

// translate tells apart what follows from the weak ones alone and what the strong ones have a part in.
func (v *vocabulary) translate(weak, strong []Setting) (below, above Reading) {
	t := &translation{vocabulary: v, said: make(map[string]entry), weak: len(weak)}
	for at, s := range slices.Concat(weak, strong) {
		s.Name, s.Value = strings.TrimSpace(s.Name), strings.TrimSpace(s.Value)
		name, _ := v.known(s.Name)
		if before, again := t.said[name]; again && at < t.weak {
			t.note(before, "%s sets it again, and the last one holds", s.Origin)
		}
		t.said[name] = entry{s, at}
	}
	names := slices.Collect(maps.Keys(t.said))
	slices.SortFunc(names, func(a, b string) int { return t.said[a].at - t.said[b].at })
	for _, name := range names {
		t.apply(name, t.said[name])
	}
	v.combine(t)
	return t.below, t.above
}

// known is the dialect's own name for a setting, and whether it has that.
func (v *vocabulary) known(name string) (own string, known bool) {
	r, known := v.rules[name]
	if !known && v.prefix != "" {
		if short, cut := strings.CutPrefix(name, v.prefix); cut && (v.has(short) || v.java.has(short)) {
			name, r, known = short, v.rules[short], v.has(short)
		}
	}
	if r.alias != "" {
		return r.alias, true
	}
	return name, known
}

func (v *vocabulary) has(name string) bool {
	_, known := v.rules[name]
	return known
}

// apply follows the setting's rule.
func (t *translation) apply(name string, e entry) {
	r, known := t.rules[name]
	switch {
	case !known && t.java.has(name):
		t.set(name, e.Value, e)
	case !known:
		guess := t.guess(name)
		if guess == "" {
			e.Name = properties.Shown(e.Name, e.Value)
		}
		t.mistake(e, "it is a setting neither of %s nor of Java's producer%s", t.owner, guess)
	case slices.Contains(r.unless, strings.ToLower(e.Value)):
	case r.idle != "":
		t.note(e, "%s", r.idle)
	case r.refused != "":
		t.mistake(e, "%s", r.refused)
	case r.to != "":
		value, note := e.Value, ""
		if r.turn != nil {
			value, note = r.turn(value)
		}
		if note != "" {
			t.note(e, "%s", note)
		}
		t.set(r.to, value, e)
	}
}

// guess is what may have been meant.
func (t *translation) guess(name string) string {
	all := slices.AppendSeq(slices.Collect(maps.Keys(t.rules)), maps.Keys(t.java))
	slices.Sort(all)
	if guess := properties.Guess(name, all); guess != "" {
		return ": did you mean " + guess + "?"
	}
	return ""
}

// set is a setting in Java's words that comes of these, none for one that nobody said.
func (t *translation) set(name, value string, from ...entry) {
	origin, last := t.origin(name, from)
	to := t.reading(last)
	to.Settings = append(to.Settings, Setting{name, value, origin})
}

func (t *translation) note(e entry, format string, args ...any) {
	to := t.reading(e.at)
	to.Notes = append(to.Notes, fmt.Sprintf("%s: %s: %s", e.Origin, e.Name, fmt.Sprintf(format, args...)))
}

func (t *translation) mistake(e entry, format string, args ...any) {
	to := t.reading(e.at)
	to.Mistakes = append(to.Mistakes, errors.New(e.Origin+": "+e.Name+": "+fmt.Sprintf(format, args...)))
}

// reading is where something belongs that the setting at that place has the last word on.
func (t *translation) reading(at int) *Reading {
	if at < t.weak {
		return &t.below
	}
	return &t.above
}

// origin is that of the strongest of these, with what they are called where that is not Java's name.
func (t *translation) origin(name string, from []entry) (origin string, last int) {
	origin, last = t.owner+"'s default", -1
	var names []string
	for _, e := range from {
		if e.at > last {
			origin, last = e.Origin, e.at
		}
		if e.Name != name {
			names = append(names, e.Name)
		}
	}
	if len(names) > 0 {
		origin += " (" + strings.Join(names, ", ") + ")"
	}
	return origin, last
}

// all are those of the settings that were said.
func (t *translation) all(names ...string) []entry {
	var found []entry
	for _, name := range names {
		found = append(found, t.said[name])
	}
	return spoken(found...)
}

// spoken are those that say something.
func spoken(entries ...entry) []entry {
	return slices.DeleteFunc(entries, func(e entry) bool { return e.Value == "" })
}

// text is the setting's value; empty if it was not said.
func (t *translation) text(name string) string { return t.said[name].Value }

package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// command is a line of a script: words, and names with values.
type command struct {
	name   string
	words  []string
	values map[string]string
	err    error // the first thing that could not be read
}

func parse(text string) (*command, error) {
	fields := strings.Fields(text)
	c := &command{name: fields[0], values: make(map[string]string)}
	for _, field := range fields[1:] {
		if name, value, found := strings.Cut(field, "="); !found {
			c.words = append(c.words, field)
		} else if _, twice := c.values[name]; twice {
			return nil, fmt.Errorf("%s stands twice", name)
		} else {
			c.values[name] = value
		}
	}
	return c, nil
}

// next takes the next word, "" for none.
func (c *command) next() string {
	if len(c.words) == 0 {
		return ""
	}
	word := c.words[0]
	c.words = c.words[1:]
	return word
}

// take takes a value.
func (c *command) take(name, fallback string) string {
	value, found := c.values[name]
	if !found {
		return fallback
	}
	delete(c.values, name)
	return value
}

// rest takes all values.
func (c *command) rest() map[string]string {
	all := c.values
	c.values = nil
	return all
}

func (c *command) number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil && c.err == nil {
		c.err = err
	}
	return n
}

func (c *command) integer(name string, fallback int64) int64 {
	return c.number(c.take(name, strconv.FormatInt(fallback, 10)))
}

func (c *command) duration(name string, fallback time.Duration) time.Duration {
	d, err := time.ParseDuration(c.take(name, fallback.String()))
	if err != nil && c.err == nil {
		c.err = err
	}
	return d
}

// node takes the broker that a request goes to.
func (c *command) node() int32 { return int32(c.integer("node", 1)) }

// partition takes a word like t/0.
func (c *command) partition() (topic string, number int32, err error) {
	word := c.next()
	topic, text, found := strings.Cut(word, "/")
	if !found {
		return "", 0, fmt.Errorf("%q is no partition: want TOPIC/NUMBER", word)
	}
	return topic, int32(c.number(text)), c.err
}

// unused complains about what nobody took, or could not read.
func (c *command) unused() error {
	if len(c.words) > 0 || len(c.values) > 0 {
		return fmt.Errorf("%s does not know %v", c.name, append(slices.Clone(c.words), slices.Sorted(maps.Keys(c.values))...))
	}
	return c.err
}

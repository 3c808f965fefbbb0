package scenario

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"
)

// Target is the cluster that a script is played on.
type Target interface {
	// Dial connects to a broker; ids count from 1.
	Dial(ctx context.Context, node int32) (net.Conn, error)
	// CreateTopic creates a topic and returns when all brokers know its leaders. Settings are Kafka's, and "replicas",
	// the brokers of all partitions.
	CreateTopic(name string, partitions int, settings map[string]string) error
	// DeleteTopic deletes a topic and returns when no broker knows it any more.
	DeleteTopic(name string) error
	// Fault does what the script says to a broker: kill, stop, start, pause, resume.
	Fault(kind string, node int32) error
	// Deny takes a right at a topic from everybody: read, write or describe.
	Deny(topic, right string) error
	// Trim removes the records before an offset.
	Trim(topic string, partition int32, before int64) error
}

// player is a script being played.
type player struct {
	ctx       context.Context
	target    Target
	prefix    string // of topics and transactional ids, so that many scripts can use one cluster
	topics    map[string]*topic
	producers map[string]*producer
	names     map[int64]string // of producers
}

// topic is a topic of the script.
type topic struct {
	partitions int
	settings   map[string]string
	ids        [][16]byte // the newest last
}

// producer is a producer of the script.
type producer struct {
	id    int64
	epoch int16
	txn   string
}

// Play plays a script and returns it with the answers that the target gave. Names of topics get the prefix. An error is
// about the script or the target's failure to do what it says, not about answers.
func Play(ctx context.Context, target Target, prefix, script string) (string, error) {
	p := &player{
		ctx: ctx, target: target, prefix: prefix,
		topics: make(map[string]*topic), producers: make(map[string]*producer), names: make(map[int64]string),
	}
	var out strings.Builder
	number := 0
	for line := range strings.Lines(script) {
		number++
		text, _, _ := strings.Cut(strings.TrimSpace(line), " -> ")
		out.WriteString(text)
		if text != "" && !strings.HasPrefix(text, "#") {
			answer, err := p.run(text)
			if err != nil {
				return out.String(), fmt.Errorf("line %d: %s: %w", number, text, err)
			}
			if answer != "" {
				out.WriteString(" -> " + answer)
			}
		}
		out.WriteString("\n")
	}
	return out.String(), nil
}

// run carries out a command.
func (p *player) run(text string) (answer string, err error) {
	c, err := parse(text)
	if err != nil {
		return "", err
	}
	commands := map[string]func(*command) (string, error){
		"topic": p.topic, "recreate": p.recreate, "producer": p.producer, "produce": p.produce, "end": p.end,
		"describe": p.describe, "offsets": p.offsets, "read": p.read, "epoch": p.epoch, "leader": p.leader, "deny": p.deny, "trim": p.trim,
		"await": p.await, "wait": p.wait, "kill": p.fault, "stop": p.fault, "start": p.fault, "pause": p.fault, "resume": p.fault,
	}
	command := commands[c.name]
	if command == nil {
		return "", fmt.Errorf("%q is no command", c.name)
	}
	if answer, err = command(c); err != nil {
		return "", err
	}
	return answer, c.unused()
}

func (p *player) fault(c *command) (string, error) {
	return "", p.target.Fault(c.name, int32(c.number(c.next())))
}

func (p *player) wait(c *command) (string, error) {
	d, err := time.ParseDuration(c.next())
	if err != nil {
		return "", err
	}
	return "", p.pause(d)
}

func (p *player) deny(c *command) (string, error) {
	return "", p.target.Deny(p.prefix+c.next(), c.next())
}

func (p *player) topic(c *command) (string, error) {
	name := c.next()
	t := &topic{partitions: int(c.integer("partitions", 1)), settings: c.rest()}
	p.topics[name] = t
	if err := p.target.CreateTopic(p.prefix+name, t.partitions, t.settings); err != nil {
		return "", err
	}
	return "", p.created(name)
}

func (p *player) recreate(c *command) (string, error) {
	name := c.next()
	t := p.topics[name]
	if err := p.target.DeleteTopic(p.prefix + name); err != nil {
		return "", err
	}
	if err := p.target.CreateTopic(p.prefix+name, t.partitions, t.settings); err != nil {
		return "", err
	}
	return "", p.created(name)
}

func (p *player) trim(c *command) (string, error) {
	name, partition, err := c.partition()
	if err != nil {
		return "", err
	}
	return "", p.target.Trim(p.prefix+name, partition, c.integer("before", 0))
}

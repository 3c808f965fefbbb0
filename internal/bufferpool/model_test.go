package bufferpool

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// model is an oracle: it knows who has what, and computes everything anew at each step.
type model struct {
	*testing.T
	random *rand.Rand
	pool   *Pool
	named  map[int32]bool
	out    []owned
	serial uint32
}

type owned struct {
	id    int32
	chain *Slab
	bytes int64
	mark  byte
}

func (m *model) use(id int32) (bytes int64) {
	for _, o := range m.out {
		if o.id == id {
			bytes += o.bytes
		}
	}
	return bytes
}

func (m *model) share(id int32) int64 {
	if id != NoLeader && !m.named[id] {
		return 0
	}
	return m.pool.total / 2 / int64(len(m.named)+1) &^ 1023
}

// over is the use above the shares, with extra bytes charged to id.
func (m *model) over(id int32, extra int64) (bytes int64) {
	for other := NoLeader; other < 6; other++ {
		use := m.use(other)
		if other == id {
			use += extra
		}
		bytes += max(use-m.share(other), 0)
	}
	return bytes
}

func (m *model) total() (bytes int64) {
	for _, o := range m.out {
		bytes += o.bytes
	}
	return bytes
}

// room says whether a charge may be made, by the words of the package comment.
func (m *model) room(id int32, charge int64) bool {
	shared := m.pool.total - int64(len(m.named)+1)*m.share(NoLeader)
	switch {
	case m.total()+charge > m.pool.total:
		return false
	case charge > shared, m.use(id)+charge <= m.share(id):
		return true
	default:
		return m.over(id, charge) <= shared
	}
}

// charge is what a request costs: the largest hint whose slabs fit the account's share, or else no waste.
func (m *model) charge(id int32, bytes int64, hint Class) int64 {
	for c := int(hint); c >= 0; c-- {
		if charge := planFor(bytes, Class(c)).charge; charge <= m.share(id) {
			return charge
		}
	}
	return (bytes + 1023) / 1024 * 1024
}

func (m *model) get() {
	id := NoLeader + int32(m.random.IntN(7))
	bytes := 1 + m.random.IntN(1<<uint(4+m.random.IntN(15)))
	hint := Class(m.random.IntN(classes))
	chain := m.pool.TryGet(m.pool.Account(id), bytes, hint)
	charge := m.charge(id, int64(bytes), hint)
	if (chain != nil) != m.room(id, charge) {
		m.Fatalf("account %d, %d bytes: got %v, but room %v", id, bytes, chain != nil, chain == nil)
	}
	if chain == nil {
		return
	}
	if got := capacity(chain); got != charge {
		m.Fatalf("account %d, %d bytes: got %d, want %d", id, bytes, got, charge)
	}
	m.serial++
	o := owned{id: id, chain: chain, bytes: charge, mark: byte(m.serial)}
	for _, s := range slabs(chain) {
		for len(s.Buf) < cap(s.Buf) {
			s.Buf = append(s.Buf, o.mark)
		}
	}
	m.out = append(m.out, o)
}

func (m *model) put() {
	if len(m.out) == 0 {
		return
	}
	i := m.random.IntN(len(m.out))
	o := m.out[i]
	m.out[i] = m.out[len(m.out)-1]
	m.out = m.out[:len(m.out)-1]
	for _, s := range slabs(o.chain) {
		for _, b := range s.Buf {
			if b != o.mark {
				m.Fatal("two owners of one slab")
			}
		}
	}
	m.pool.Put(o.chain)
}

func (m *model) rename() {
	clear(m.named)
	var ids []int32
	for id := range int32(6) {
		if m.random.IntN(2) == 0 {
			m.named[id] = true
			ids = append(ids, id)
		}
	}
	m.pool.SetAccounts(ids)
}

func (m *model) compare() {
	s := m.pool.Stats()
	if s.Used != m.total() || m.pool.mu.over != m.over(NoLeader, 0) {
		m.Fatalf("used %d over %d, want %d and %d", s.Used, m.pool.mu.over, m.total(), m.over(NoLeader, 0))
	}
	if s.Used > s.Total || s.Held < s.Used || s.Held >= s.Total+arenaBytes {
		m.Fatalf("%+v", s)
	}
	for id := NoLeader; id < 6; id++ {
		got := m.pool.AccountStats(m.pool.Account(id))
		if want := (AccountStats{Used: m.use(id), Share: m.share(id)}); got != want {
			m.Fatalf("account %d: %+v, want %+v", id, got, want)
		}
	}
}

func TestPoolAgreesWithItsModel(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 1))
			total := int64(200_000 + random.IntN(2_000_000))
			m := &model{T: t, random: random, pool: New(total, Hooks{Poison: true}), named: make(map[int32]bool)}
			for range 1500 {
				switch n := random.IntN(100); {
				case n < 55:
					m.get()
				case n < 96:
					m.put()
				case n < 98:
					m.pool.Trim()
				default:
					m.rename()
				}
				m.compare()
			}
			for len(m.out) > 0 {
				m.put()
			}
			m.compare()
		})
	}
}

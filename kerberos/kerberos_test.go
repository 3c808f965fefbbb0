package kerberos_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/keytab"

	"github.com/omnibus-kafka/omnibus/kerberos"
)

// files are a krb5.conf with the KDC at that address, and a keytab of alice's.
func files(t *testing.T, kdc string) (conf, keys string) {
	t.Helper()
	dir := t.TempDir()
	conf, keys = filepath.Join(dir, "krb5.conf"), filepath.Join(dir, "alice.keytab")
	table := keytab.New()
	if err := table.AddEntry("alice", "EXAMPLE.TEST", "canary-password", time.Now(), 1, 18); err != nil {
		t.Fatal(err)
	}
	data, err := table.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	write(t, keys, string(data))
	write(t, conf, "includedir /etc/krb5.conf.d/\n[libdefaults]\n default_realm = EXAMPLE.TEST\n udp_preference_limit = 1\n dns_lookup_kdc = false\n"+
		"[realms]\n EXAMPLE.TEST = {\n  kdc = "+kdc+"\n }\n")
	return conf, keys
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func permanent(err error) bool {
	var says interface{ Permanent() bool }
	return errors.As(err, &says) && says.Permanent()
}

func TestJavasOptionsAreTaken(t *testing.T) {
	conf, keys := files(t, "127.0.0.1:1")
	t.Setenv("KRB5_CONFIG", conf)
	for name, options := range map[string]map[string]string{
		"a keytab":                                        {"useKeyTab": "true", "keyTab": keys, "principal": "alice@EXAMPLE.TEST", "storeKey": "true", "serviceName": "kafka"},
		"a keytab's URL, and the default realm":           {"useKeyTab": "true", "keyTab": "file:" + keys, "principal": "alice"},
		"a keytab before a ticket cache":                  {"useKeyTab": "TRUE", "keyTab": keys, "principal": "alice", "useTicketCache": "true"},
		"a ticket cache that is there only after a kinit": {"useTicketCache": "true", "ticketCache": keys + ".none", "principal": "alice", "renewTGT": "true"},
	} {
		mechanism, err := kerberos.Login(options)
		if err != nil || mechanism.Name() != "GSSAPI" {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if who := mechanism.(interface{ Principal() string }).Principal(); who != "alice" {
			t.Errorf("%s: brokers would call it %q", name, who)
		}
	}
}

func TestMistakesNameWhatWasWanted(t *testing.T) {
	conf, keys := files(t, "127.0.0.1:1")
	t.Setenv("KRB5_CONFIG", conf)
	damaged := filepath.Join(t.TempDir(), "damaged")
	write(t, damaged, "\x05\x02\x00\x00\x00\xff\x00")
	for name, test := range map[string]struct {
		options map[string]string
		wanted  string
	}{
		"nothing to log in with": {map[string]string{"principal": "alice"}, "nobody is asked for a password"},
		"no keytab's file":       {map[string]string{"useKeyTab": "true", "principal": "alice"}, `keyTab="…"`},
		"a keytab that is not there": {map[string]string{"useKeyTab": "true", "keyTab": keys + ".none", "principal": "alice"},
			"a keytab that can be read: "},
		"a damaged keytab":      {map[string]string{"useKeyTab": "true", "keyTab": damaged, "principal": "alice"}, "a keytab that can be read, "},
		"no principal":          {map[string]string{"useKeyTab": "true", "keyTab": keys}, "a principal beside the keytab"},
		"another's keytab":      {map[string]string{"useKeyTab": "true", "keyTab": keys, "principal": "bob"}, "has keys of (alice@EXAMPLE.TEST): bob@EXAMPLE.TEST is none"},
		"an option of nobody's": {map[string]string{"useKeytab": "true"}, `"useKeytab" is none`},
		"a cache in the kernel": {map[string]string{"useTicketCache": "true", "ticketCache": "KEYRING:persistent:0"}, "kinit -c"},
	} {
		if _, err := kerberos.Login(test.options); err == nil || !strings.Contains(err.Error(), test.wanted) {
			t.Errorf("%s: %v, want %q", name, err, test.wanted)
		}
	}
	t.Setenv("KRB5_CONFIG", conf+".none")
	if _, err := kerberos.Login(map[string]string{"useKeyTab": "true", "keyTab": keys, "principal": "alice"}); err == nil || !strings.HasPrefix(err.Error(), "a Kerberos configuration, and there is none at ") {
		t.Errorf("no krb5.conf: %v", err)
	}
}

func TestWithoutTicketsKinitIsTheFix(t *testing.T) {
	conf, _ := files(t, "127.0.0.1:1")
	mechanism, err := kerberos.Identity{TicketCache: conf + ".none", Config: conf}.Mechanism()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := mechanism.Authenticate(t.Context(), "broker:9092"); err == nil || !strings.Contains(err.Error(), "kinit") || !permanent(err) {
		t.Errorf("%v, want a permanent one that names kinit", err)
	}
}

func TestAKDCThatIsAwayIsNoRefusal(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	conf, keys := files(t, address)
	mechanism, err := kerberos.Identity{Principal: "alice", Keytab: keys, Config: conf}.Mechanism()
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = mechanism.Authenticate(t.Context(), "broker:9092")
	if err == nil || !strings.Contains(err.Error(), "no KDC can be reached") || permanent(err) {
		t.Errorf("%v, want one that passes and says that no KDC can be reached", err)
	}
}

func TestAKDCThatIsSilentHoldsNobodyBeyondTheContext(t *testing.T) {
	conf, keys := files(t, peer(t, func(conn net.Conn) { io.Copy(io.Discard, conn) }))
	mechanism, err := kerberos.Identity{Principal: "alice", Keytab: keys, Config: conf}.Mechanism()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, _, err = mechanism.Authenticate(ctx, "broker:9092")
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 3*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}

// A KDC that answers with rubbish is an error, and no memory.
func TestAHostileKDCIsAnError(t *testing.T) {
	for name, answer := range map[string]string{
		"rubbish": "\x00\x00\x00\x08rubbish!", "nothing": "\x00\x00\x00\x00", "an AS-REP's tag": "\x00\x00\x00\x04\x6b\x02\x30\x00",
		"nested lengths": "\x00\x00\x00\x0a\x6b\x84\x7f\xff\xff\xff\x30\x84\x7f\xff",
	} {
		t.Run(name, func(t *testing.T) {
			conf, keys := files(t, peer(t, func(conn net.Conn) {
				conn.Read(make([]byte, 4096))
				fmt.Fprint(conn, answer)
			}))
			mechanism, err := kerberos.Identity{Principal: "alice", Keytab: keys, Config: conf}.Mechanism()
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _, err = mechanism.Authenticate(ctx, "broker:9092")
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Error("it was believed")
			}
			if taken := after.TotalAlloc - before.TotalAlloc; taken > 64<<20 {
				t.Errorf("%d MiB were allocated for it", taken>>20)
			}
		})
	}
}

// peer listens on the loopback until the test ends.
func peer(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return listener.Addr().String()
}

func TestADeviceIsNotReadForEver(t *testing.T) {
	const endless = "/dev/zero"
	if _, err := os.Stat(endless); err != nil {
		t.Skip(err)
	}
	conf, _ := files(t, "127.0.0.1:1")
	if _, err := (kerberos.Identity{Principal: "alice", Keytab: endless, Config: conf}).Mechanism(); err == nil || !strings.Contains(err.Error(), endless) {
		t.Errorf("%v", err)
	}
}

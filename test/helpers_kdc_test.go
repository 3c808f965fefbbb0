package test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// realm is the KDC's.
const realm = "OMNIBUS.TEST"

// kdc is MIT Kerberos on a loopback port, with a database of its own, run by whoever runs the test.
type kdc struct {
	t    *testing.T
	dir  string
	root string // of programs that were unpacked and not installed; empty for those of the system
	conf string // krb5.conf
}

// startKDC starts a KDC, which ends with the test. The programs are those of Debian's krb5-kdc and krb5-admin-server,
// installed, or unpacked with dpkg -x below the directory that OMNIBUS_KRB5_ROOT names. Without them the test is skipped.
func startKDC(t *testing.T) *kdc {
	t.Helper()
	k := &kdc{t: t, dir: t.TempDir(), root: os.Getenv("OMNIBUS_KRB5_ROOT")}
	for _, program := range []string{"krb5kdc", "kdb5_util", "kadmin.local"} {
		if _, err := exec.LookPath(k.program(program)); err != nil {
			t.Skipf("skipped, because krb5-kdc is missing (%s): apt-get install krb5-kdc krb5-admin-server, or unpack the packages "+
				"and name the directory by OMNIBUS_KRB5_ROOT", program)
		}
	}
	k.conf = k.path("krb5.conf")
	port := freePort(t)
	k.write("krb5.conf", fmt.Sprintf("[libdefaults]\n\tdefault_realm = %[1]s\n\tdns_lookup_kdc = false\n\tdns_lookup_realm = false\n"+
		"\tudp_preference_limit = 1\n\trdns = false\n[realms]\n\t%[1]s = {\n\t\tkdc = 127.0.0.1:%[2]d\n\t}\n", realm, port))
	k.write("kdc.conf", fmt.Sprintf("[kdcdefaults]\n\tkdc_listen = 127.0.0.1:%[2]d\n\tkdc_tcp_listen = 127.0.0.1:%[2]d\n[realms]\n\t%[1]s = {\n"+
		"\t\tdatabase_module = local\n\t\tkey_stash_file = %[3]s\n\t\tmax_life = 10h\n"+
		"\t\tsupported_enctypes = aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal\n\t}\n"+
		"[dbmodules]\n\tdb_module_dir = %[5]s\n\tlocal = {\n\t\tdb_library = db2\n\t\tdatabase_name = %[4]s\n\t}\n",
		realm, port, k.path("stash"), k.path("principal"), k.modules()))
	k.run("kdb5_util", "create", "-s", "-r", realm, "-P", "master")
	server := k.command("krb5kdc", "-n", "-r", realm, "-P", k.path("pid"))
	var said bytes.Buffer
	server.Stdout, server.Stderr = &said, &said
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Kill()
		server.Wait()
		if t.Failed() {
			t.Logf("krb5kdc: %s", &said)
		}
	})
	await(t, port)
	return k
}

func (k *kdc) path(name string) string { return filepath.Join(k.dir, name) }

func (k *kdc) write(name, text string) {
	k.t.Helper()
	if err := os.WriteFile(k.path(name), []byte(text), 0o600); err != nil {
		k.t.Fatal(err)
	}
}

// program is where a program of the KDC's is.
func (k *kdc) program(name string) string {
	for _, dir := range []string{k.root + "/usr/sbin", k.root + "/usr/bin"} {
		if path := filepath.Join(dir, name); exists(path) {
			return path
		}
	}
	return name
}

// modules is where the KDC finds its database's code.
func (k *kdc) modules() string {
	found, _ := filepath.Glob(k.root + "/usr/lib/*/krb5/plugins/kdb")
	if len(found) == 0 {
		return "/usr/lib/krb5/plugins/kdb"
	}
	return found[0]
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// command is a program of the KDC's.
func (k *kdc) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(k.program(name), args...)
	cmd.Dir = k.dir
	cmd.Env = append(os.Environ(), "KRB5_CONFIG="+k.conf, "KRB5_KDC_PROFILE="+k.path("kdc.conf"), "KRB5CCNAME=FILE:"+k.path("ccache"))
	if k.root != "" {
		libraries, _ := filepath.Glob(k.root + "/usr/lib/*")
		cmd.Env = append(cmd.Env, "LD_LIBRARY_PATH="+strings.Join(libraries, ":"))
	}
	return cmd
}

func (k *kdc) run(name string, args ...string) {
	k.t.Helper()
	if out, err := k.command(name, args...).CombinedOutput(); err != nil {
		k.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// keytab makes a principal with a random key, and the keytab that has it.
func (k *kdc) keytab(principal string) string {
	k.t.Helper()
	file := k.path(strings.NewReplacer("/", "-", "@", "-").Replace(principal) + ".keytab")
	k.run("kadmin.local", "-r", realm, "-q", "addprinc -randkey "+principal)
	k.run("kadmin.local", "-r", realm, "-q", "ktadd -k "+file+" "+principal)
	if !exists(file) {
		k.t.Fatalf("kadmin.local wrote no keytab of %s", principal)
	}
	return file
}

// freePort is a port of the loopback that nobody has now.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// await waits until somebody listens there.
func await(t *testing.T, port int) {
	t.Helper()
	until := time.Now().Add(10 * time.Second)
	for {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(until) {
			t.Fatal(err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

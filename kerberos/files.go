package kerberos

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/keytab"
)

// fileBytesMax bounds the files that are read: they have some kilobytes.
const fileBytesMax = 4 << 20

// components are a principal without its realm.
type components []string

// first is the principal's primary, "" if there is none.
func (c components) first() string {
	if len(c) == 0 {
		return ""
	}
	return c[0]
}

// parted parts "app/host@REALM".
func parted(principal string) (name components, realm string) {
	text, realm, _ := strings.Cut(principal, "@")
	if text == "" {
		return nil, realm
	}
	return strings.Split(text, "/"), realm
}

// configFile is where krb5.conf is.
func configFile(said string) string {
	if said != "" {
		return said
	}
	if path := os.Getenv("KRB5_CONFIG"); path != "" {
		return path
	}
	return "/etc/krb5.conf"
}

// readBounded is os.ReadFile for files of a sensible size.
func readBounded(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, fileBytesMax+1)) // a device has no size that could be looked at
	switch {
	case err != nil:
		return nil, err
	case len(data) > fileBytesMax:
		return nil, fmt.Errorf("a file of at most %d bytes, and %s has more: is it the right one?", fileBytesMax, path)
	}
	return data, nil
}

// guarded runs gokrb5's reading of a file, which panics at some that are damaged.
func guarded(what, path string, read func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s that can be read, and %s is damaged: %v", what, path, p)
		}
	}()
	if err := read(); err != nil {
		return fmt.Errorf("%s that can be read, which %s is not: is it the right file? (%w)", what, path, err)
	}
	return nil
}

func readConfig(path string) (settings *config.Config, err error) {
	data, err := readBounded(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("a Kerberos configuration, and there is none at %s: name it by KRB5_CONFIG", path)
	}
	if err != nil {
		return nil, err
	}
	err = guarded("a krb5.conf", path, func() (err error) {
		settings, err = config.NewFromString(string(data))
		var unsupported config.UnsupportedDirective
		if errors.As(err, &unsupported) {
			return nil // the rest of it holds
		}
		return err
	})
	return settings, err
}

// fromKeytab makes a client that logs in with a key.
func fromKeytab(id *Identity, settings *config.Config) (*client.Client, error) {
	data, err := readBounded(id.Keytab)
	if err != nil {
		return nil, fmt.Errorf("a keytab that can be read: %w", err)
	}
	keys := keytab.New()
	if err := guarded("a keytab", id.Keytab, func() error { return keys.Unmarshal(data) }); err != nil {
		return nil, err
	}
	name, realm := parted(id.Principal)
	if realm == "" {
		realm = settings.LibDefaults.DefaultRealm
	}
	switch {
	case len(name) == 0:
		return nil, errors.New("a principal beside the keytab, such as alice@EXAMPLE.COM")
	case realm == "":
		return nil, fmt.Errorf("a realm in the principal %q, because krb5.conf has no default_realm", id.Principal)
	}
	var has []string
	for _, entry := range keys.Entries {
		holder := strings.Join(entry.Principal.Components, "/") + "@" + entry.Principal.Realm
		if !slices.Contains(has, holder) {
			has = append(has, holder)
		}
	}
	if want := strings.Join(name, "/") + "@" + realm; !slices.Contains(has, want) {
		return nil, fmt.Errorf("a principal that %s has keys of (%.300s): %s is none", id.Keytab, strings.Join(has, ", "), want)
	}
	return client.NewWithKeytab(strings.Join(name, "/"), realm, keys, settings, client.DisablePAFXFAST(true)), nil
}

// missingCache reports whether there is no ticket cache yet, which a kinit to come can change.
func missingCache(err error) bool {
	var expired *cacheError
	return errors.As(err, &expired)
}

// cacheError is a ticket cache of no use now.
type cacheError struct {
	path string
	err  error
}

// Error names the cache and what to do.
func (e *cacheError) Error() string {
	return fmt.Sprintf("the ticket cache %s is of no use: %v; get tickets with kinit", e.path, e.err)
}

// Unwrap returns the cause.
func (e *cacheError) Unwrap() error { return e.err }

// Permanent tells that somebody has to run kinit.
func (e *cacheError) Permanent() bool { return true }

// fromCache makes a client that has a ticket.
func fromCache(id *Identity, settings *config.Config) (*client.Client, error) {
	data, err := readBounded(id.TicketCache)
	if err != nil {
		return nil, &cacheError{id.TicketCache, err}
	}
	cache := new(credentials.CCache)
	if err := guarded("a ticket cache", id.TicketCache, func() error { return cache.Unmarshal(data) }); err != nil {
		return nil, &cacheError{id.TicketCache, err}
	}
	owner := strings.Join(cache.GetClientPrincipalName().NameString, "/") + "@" + cache.GetClientRealm()
	if name, realm := parted(id.Principal); len(name) > 0 {
		if realm == "" {
			realm = settings.LibDefaults.DefaultRealm
		}
		if want := strings.Join(name, "/") + "@" + realm; want != owner {
			return nil, fmt.Errorf("the principal whose tickets %s has, which is %s: %s is another", id.TicketCache, owner, want)
		}
	}
	made, err := client.NewFromCCache(cache, settings, client.DisablePAFXFAST(true))
	if err != nil {
		return nil, &cacheError{id.TicketCache, err}
	}
	return made, nil
}

// Package kerberos logs in to Kafka by Kerberos (SASL GSSAPI), so that a .properties file with Java's Krb5LoginModule works
// as it is. It is a module of its own: who has another login needs none of its requirements.
//
//	omnibus.Config{Kerberos: kerberos.Login}                             Java's names
//	mechanism, err := kerberos.Identity{Principal: …, Keytab: …}.Mechanism()   Config.SASL, or another client's
//
// An authentication asks the KDC twice and then speaks to the broker:
//
//	keytab or password's key -> AS  -> ticket-granting ticket    (not with a ticket cache, which holds one)
//	kafka/broker-1.example   -> TGS -> service ticket
//	service ticket           -> broker, which proves by its answer that it has the service's key
//
// What holds:
//
//  1. krb5.conf, keytab and ticket cache are read for each authentication. Whoever renews them (k5start, kinit, sssd) needs
//     to tell nobody, and what they hold stays in memory no longer than that.
//  2. Nothing runs between authentications: a ticket is not renewed in the background, but asked for when it is needed.
//  3. A KDC that does not answer holds nobody up beyond the context's end.
//  4. A KDC's answer that is rubbish, or makes gokrb5 panic, is an error. What gokrb5 does not bound is the length that an
//     answer by TCP announces: up to 4 GiB are reserved for some seconds, of which only what arrives is touched.
//  5. What only somebody's hand can mend says so by Permanent.
//
// The protocol is gokrb5's and franz-go's sasl/kerberos. Rejected: libkrb5 by cgo, which has every corner of krb5.conf, and
// no static binary; one client for all connections, whose goroutine somebody would have to end. include and includedir
// in krb5.conf are not followed by gokrb5.
package kerberos

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/kerberos"
)

// serviceDefault is the name that brokers' principals begin with nearly everywhere.
const serviceDefault = "kafka"

// Identity is who logs in, and with what.
type Identity struct {
	// Principal is the client's, such as "alice@EXAMPLE.COM" or "app/host.example"; without a realm it is of krb5.conf's
	// default_realm. With TicketCache it may be empty for whoever the cache belongs to.
	Principal string
	// Keytab is the file with the principal's keys.
	Keytab string
	// TicketCache is the file with tickets, as kinit leaves it; with Keytab it must be empty.
	TicketCache string
	// Service is the first part of the brokers' principals, whose second part is the host by which a broker is reached
	// (Java: sasl.kerberos.service.name). Empty is "kafka".
	Service string
	// Config is krb5.conf. Empty is what KRB5_CONFIG names, else /etc/krb5.conf.
	Config string
}

// Mechanism makes the mechanism, for any number of connections at once. It reads the files once, to find what is wrong with
// them early, and asks no KDC. It needs no closing.
func (id Identity) Mechanism() (sasl.Mechanism, error) {
	m := &mechanism{id: id}
	if m.id.Service == "" {
		m.id.Service = serviceDefault
	}
	if (id.Keytab == "") == (id.TicketCache == "") {
		return nil, errors.New("either a keytab or a ticket cache: nobody is asked for a password")
	}
	made, err := m.client()
	if err != nil && !missingCache(err) {
		return nil, err
	}
	if err == nil {
		made.Destroy()
	}
	return m, nil
}

// mechanism is Identity's.
type mechanism struct{ id Identity }

// Name is sasl.Mechanism's.
func (m *mechanism) Name() string { return "GSSAPI" }

// Principal is what brokers call the client by their default rule: the principal without host and realm.
func (m *mechanism) Principal() string {
	name, _ := parted(m.id.Principal)
	return name.first()
}

// Authenticate gets a ticket for the broker at host:port. It asks KDCs, and waits for them until ctx ends.
func (m *mechanism) Authenticate(ctx context.Context, address string) (sasl.Session, []byte, error) {
	type outcome struct {
		session sasl.Session
		message []byte
		err     error
	}
	done := make(chan outcome, 1)
	go func() { // gokrb5 has no context, but an end of its own after some seconds for each KDC
		var o outcome
		defer func() {
			if p := recover(); p != nil {
				o = outcome{err: fmt.Errorf("gokrb5 panicked: %v\n%s", p, debug.Stack())}
			}
			done <- o
		}()
		o.session, o.message, o.err = m.begin(address)
	}()
	select {
	case o := <-done:
		return o.session, o.message, explain(o.err, m.id, address)
	case <-ctx.Done():
		return nil, nil, fmt.Errorf("no KDC has answered: %w; look at kdc = … in %s", context.Cause(ctx), configFile(m.id.Config))
	}
}

// begin is Authenticate without an end. The client lives no longer: the session has the key that it needs.
func (m *mechanism) begin(address string) (sasl.Session, []byte, error) {
	login, err := m.client()
	if err != nil {
		return nil, nil, err
	}
	defer login.Destroy()
	return kerberos.Auth{Client: login, Service: m.id.Service}.AsMechanism().Authenticate(context.Background(), address)
}

// client is one that has not logged in yet.
func (m *mechanism) client() (*client.Client, error) {
	settings, err := readConfig(configFile(m.id.Config))
	if err != nil {
		return nil, err
	}
	if m.id.TicketCache != "" {
		return fromCache(&m.id, settings)
	}
	return fromKeytab(&m.id, settings)
}

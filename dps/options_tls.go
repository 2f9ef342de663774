package dps

var tlsOptions = []Option{
	tlsOption("tls-ca", "FILE", "of --broker tls://...: the authorities that its certificate comes from", func(t *TLS) *string { return &t.CA }),
	tlsOption("tls-cert", "FILE", "this client's certificate", func(t *TLS) *string { return &t.Cert }),
	tlsOption("tls-key", "FILE", "its key, which nobody else may read", func(t *TLS) *string { return &t.Key }),
	tlsOption("token-file", "FILE", "a token to show instead of a certificate", func(t *TLS) *string { return &t.TokenFile }),
	tlsOption("tls-name", "NAME", "what the broker's certificate is for, where that is not the address's host", func(t *TLS) *string { return &t.Name }),
}

func tlsOption(name, arg, help string, field func(*TLS) *string) Option {
	return Option{Long: []string{name}, Arg: arg, Section: "fleet", Help: help, missing: ownArgument, set: func(p *parser, value string) error {
		*field(&p.out.TLS) = value
		return nil
	}}
}

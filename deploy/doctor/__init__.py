"""`pensieve doctor`: one function a finding; each takes what it judges, so that any fault can be shown to it."""

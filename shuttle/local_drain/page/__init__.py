"""The local drain's page: what has come, as a browser shows it. GET on the port that takes the deliveries."""

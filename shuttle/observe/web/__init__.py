"""What -stats-addr serves: metrics, health, and a page with live numbers."""

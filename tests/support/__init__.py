"""What tests share: wheels made on the spot, a package index on loopback."""

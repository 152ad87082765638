extension Volume {
    /// The fops that a list option names; none when it is not set. Throws with this volume's place for an unknown name.
    public func fopSet(_ option: String, of options: OptionValues) throws(VolfileError) -> FopSet {
        do throws(OptionError) {
            return try FopSet(names: options.list(option), option: option)
        } catch {
            throw self.error(error.description)
        }
    }
}
